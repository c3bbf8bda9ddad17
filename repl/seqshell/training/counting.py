"""The training of a model that is counted: one pass over the text, and no descent.

Its module has a method `count(ids)`, ids [N] int64, the training text, and no parameters: what it counts is in buffers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import torch

from seqshell.core.errors import RecipeError
from seqshell.core.events import Event, Progress
from seqshell.host import resolve
from seqshell.training.language.objective import LanguageObjective
from seqshell.training.preparation import Prepared
from seqshell.training.run import Run
from seqshell.training.run_files import write_folder


def new_run(prepared: Prepared, folder: Path) -> Run:
    """The training that suits an architecture."""
    return (
        CountingRun(prepared, folder)
        if hasattr(resolve(prepared.architecture.model), "count")
        else Run(prepared, folder)
    )


class CountingRun(Run):
    """A training of one epoch and one update, in which the module counts all of the training text. Nothing of it can be resumed."""

    def __init__(self, prepared: Prepared, folder: Path) -> None:
        training = replace(prepared.recipe.training, epochs=1, ema=0.0, average_checkpoints=0)
        super().__init__(replace(prepared, recipe=replace(prepared.recipe, training=training)), folder)
        self.precision = "float32"

    @property
    def num_parameters(self) -> int:
        """The numbers that are counted."""
        return sum(values.numel() for values in self.module.state_dict().values())

    def epochs(self, stopped: Callable[[], bool] = lambda: False) -> Iterator[Event]:
        """Count, and measure what came of it. Progress before and after; it is over before anybody could stop it."""
        if not isinstance(self.objective, LanguageObjective):
            raise RecipeError(f"{self.prepared.architecture.name} is counted, which only a text can be")
        ids, progress, start = torch.from_numpy(self.objective.streams.ids), self.progress, time.perf_counter()
        yield Progress(0, 1, f"{ids.numel():,} tokens", "counting")
        self.module.count(ids)
        metrics = self.validate()
        progress.seconds = time.perf_counter() - start
        progress.step = progress.epoch = 1
        progress.best = {"epoch": 1, "step": 1, "validation": metrics, "seconds": round(progress.seconds, 1)}
        progress.history.append(progress.best)
        self.best_weights = self._weights()
        self.write()
        # No Notice, after which trainings show a sample: the one that follows the metrics is all there is to see.
        yield Progress(
            1,
            1,
            f"{ids.numel():,} tokens, {self.num_parameters:,} numbers: validation {self.objective.summary(metrics)}",
            "counting",
        )

    def write(self) -> None:
        """Write metrics.jsonl."""
        write_folder(self.folder, self.progress.history)

    def restore(self) -> None:
        """RecipeError."""
        raise RecipeError(
            f"{self.prepared.recipe.name} is counted in one go, so that there is nothing to resume; leave --resume out"
        )
