"""Where a training stands, and the losses and figures it has come by."""

from __future__ import annotations

from dataclasses import dataclass, field

from seqshell.training.objective import Figures


@dataclass
class Place:
    """Where a training stands; all of it goes into the resume file. Counts are of what is done."""

    epoch: int = 0
    piece: int = 0  # of this epoch
    done: int = 0  # pieces in all
    step: int = 0  # updates in all
    gathered: int = 0  # pieces whose gradients wait for the next update
    losses: int = 0  # in them
    order: int = -1  # of this epoch's pieces; -1: not yet drawn
    scale: float = 1.0  # what the plateau schedule has come down to
    stale: int = 0  # epochs since the best validation
    since_drop: int = 0  # epochs since then or since the plateau schedule last came down
    summed: float = 0.0  # losses since the last record
    counted: int = 0
    seconds: float = 0.0  # of work, validations included
    best: Figures | None = None
    first_sample: str = ""  # of the untrained model
    history: list[Figures] = field(default_factory=list)

    def record(self, learning_rate: float) -> None:
        """Note the mean loss since the last time."""
        if self.counted:
            self.history.append({"step": self.step, "loss": self.summed / self.counted, "learning_rate": learning_rate})
            self.summed, self.counted = 0.0, 0
