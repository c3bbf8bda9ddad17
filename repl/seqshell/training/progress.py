"""How far a training has come, with the losses and validations so far."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

import numpy as np

from seqshell.core.errors import RecipeError
from seqshell.core.events import TrainingStep
from seqshell.training.objective import Metrics
from seqshell.training.recipes.settings import TrainingSettings
from seqshell.training.stopping import milestone

LOSS = "loss"  # the name of the task's own loss
FILE_KEYS = {"batch": "piece"}  # fields that the resume file calls by another name


@dataclass
class TrainingProgress:
    """How far a training has come; all of it is stored in the resume file. Counters count what is finished."""

    epoch: int = 0
    batch: int = 0  # within this epoch
    done: int = 0  # batches in total
    step: int = 0  # updates in total
    gathered: int = 0  # batches whose gradients wait for the next update
    losses: int = 0  # losses in these batches
    order: int = -1  # order of this epoch's batches; -1: not drawn yet
    scale: float = 1.0  # factor of the learning rate: from the plateau schedule, and halved after an explosion
    stale: int = 0  # epochs since the validation last improved noticeably
    milestone: list[float] = field(default_factory=list)  # see `stopping.milestone`
    since_drop: int = 0  # epochs since then, or since the plateau schedule last lowered the rate
    summed: float = 0.0  # sum of the losses since the last record
    counted: int = 0  # their number
    auxiliary: dict[str, float] = field(default_factory=dict)  # sums of the auxiliary losses since then
    seconds: float = 0.0  # computing time, validations included
    best: Metrics | None = None
    first_sample: str = ""  # of the untrained model
    earlier: Metrics = field(default_factory=dict)  # of the parent on its own validation data
    history: list[Metrics] = field(default_factory=list)

    def add(self, losses: Mapping[str, float]) -> None:
        """Add the losses of a batch: the task's, called "loss", and the module's auxiliary ones."""
        for name, value in losses.items():
            if name == LOSS:
                self.summed += value
            else:
                self.auxiliary[name] = self.auxiliary.get(name, 0.0) + value
        self.counted += 1

    def record(self, learning_rate: float) -> None:
        """Add the mean losses since the last record to the history."""
        if self.counted:
            means = {name: value / self.counted for name, value in self.auxiliary.items()}
            record = {"step": self.step, "loss": self.summed / self.counted, "learning_rate": learning_rate}
            self.history.append({**record, **({"auxiliary": means} if means else {})})
            self.summed, self.counted, self.auxiliary = 0.0, 0, {}

    def check_finite(self, losses: Mapping[str, float]) -> None:
        """Raise RecipeError if one of the losses of a batch is NaN or infinite."""
        if wrong := [name for name, value in losses.items() if not math.isfinite(value)]:
            loss = wrong[0] if wrong[0] == LOSS else f"auxiliary loss {wrong[0]}"
            raise RecipeError(
                f"the {loss} is NaN or infinite (step {self.step}, epoch {self.epoch + 1})",
                hint="lower training.learning_rate or training.clip_norm",
            )

    def compare(self, metrics: Metrics) -> None:
        """Count the epochs since the validation last improved noticeably."""
        before, self.milestone = self.milestone, milestone(metrics, self.milestone)
        if self.milestone != before:
            self.stale = self.since_drop = 0
        else:
            self.stale += 1
            self.since_drop += 1

    def follow_plateau(self, settings: TrainingSettings) -> None:
        """Lower the learning rate of the plateau schedule if the validation has not improved for long enough."""
        if settings.schedule == "plateau" and self.since_drop >= settings.plateau_patience:
            self.scale *= settings.plateau_factor
            self.since_drop = 0

    @property
    def epoch_losses(self) -> dict[str, float]:
        """The means of the training losses recorded since the last validation, "loss" first."""
        recorded = takewhile(lambda record: "loss" in record, reversed(self.history))
        records = [{LOSS: record["loss"], **record.get("auxiliary", {})} for record in recorded]
        return {name: float(np.mean([record[name] for record in records if name in record])) for name in records[0]}

    def to_json(self) -> dict[str, Any]:
        """The fields under the names that the resume file uses."""
        return {FILE_KEYS.get(name, name): value for name, value in dataclasses.asdict(self).items()}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> TrainingProgress:
        """Undo `to_json`.

        Files written before gradients could be accumulated have no `done`: each batch was one update.
        """
        names = {key: name for name, key in FILE_KEYS.items()}
        return cls(**{"done": record["step"], **{names.get(key, key): value for key, value in record.items()}})


def progress_event(
    progress: TrainingProgress, epochs: int, num_batches: int, losses: Mapping[str, float], speed: float, unit: str
) -> TrainingStep:
    """What is shown after a batch. num_batches: of an epoch, about. speed: tokens per second. unit: of the loss."""
    # Clipped at 0: an epoch may have a few batches more than num_batches.
    left = max(0, num_batches - progress.batch) + num_batches * max(0, epochs - progress.epoch - 1)
    parts = [f"loss {losses[LOSS]:.3f}", losses_text(losses, " · "), f"{speed:,.0f} tokens/s"]
    text = " · ".join(filter(None, (*parts, f"{duration(progress.seconds / progress.done * left)} left")))
    return TrainingStep(
        progress.done,
        progress.done + left,
        text,
        f"epoch {min(progress.epoch + 1, epochs)} of {epochs}",
        update=progress.step,
        loss=losses[LOSS],
        speed=speed,
        history=progress.history,
        unit=unit,
    )


def losses_text(losses: Mapping[str, float], between: str = ", ") -> str:
    """Auxiliary losses in words: "coverage 0.123, sparsity 0.456"."""
    return between.join(f"{name} {value:.3f}" for name, value in losses.items() if name != LOSS)


def duration(seconds: float) -> str:
    """Seconds as text: 45 s, 12 min, 1 h 05 min."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
