"""Training for models that are fitted by counting, such as n-grams: one pass over the text, without gradients.

Such a module has a method `count(ids)`, ids [N] int64 of the training text, and no parameters: its counts are buffers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from seqshell.core.errors import RecipeError
from seqshell.core.events import Event, Progress
from seqshell.core.model import Architecture
from seqshell.host import resolve
from seqshell.training.distributed.group import Group
from seqshell.training.language.objective import LanguageObjective
from seqshell.training.preparation import Prepared
from seqshell.training.run import Run
from seqshell.training.run_files import write_folder
from seqshell.training.run_record import described


def new_run(prepared: Prepared, folder: Path, group: Group | None = None) -> Run:
    """A CountingRun if the architecture's module counts, else a Run.

    Raises RecipeError if several processes should count.
    """
    if not is_counted(prepared.architecture):
        return Run(prepared, folder, group)
    if group is not None and group.size > 1:
        name = prepared.architecture.name
        raise RecipeError(f"{name} is fitted by counting, in one process; start it without torchrun")
    return CountingRun(prepared, folder)


def is_counted(architecture: Architecture) -> bool:
    """True if the modules of the architecture are fitted by counting."""
    return hasattr(resolve(architecture.model), "count")


class CountingRun(Run):
    """One epoch of one step, in which the module counts the whole training text. It cannot be resumed."""

    def __init__(self, prepared: Prepared, folder: Path) -> None:
        training = replace(prepared.recipe.training, epochs=1, ema=0.0, average_checkpoints=0)
        super().__init__(replace(prepared, recipe=replace(prepared.recipe, training=training)), folder)
        self.precision = "float32"

    @property
    def num_parameters(self) -> int:
        """The size of the buffers."""
        return sum(values.numel() for values in self.module.state_dict().values())

    def epochs(self, stopped: Callable[[], int] = lambda: 0) -> Iterator[Event]:
        """Count and validate, with Progress before and after.

        Ignores `stopped`, since counting is quick. Raises RecipeError unless the data is a text.
        """
        if not isinstance(self.objective, LanguageObjective):
            name = self.prepared.architecture.name
            raise RecipeError(f"{name} counts tokens, so it can be trained only on a text (task 'generate')")
        ids, progress, start = (
            torch.from_numpy(self.objective.streams.ids.astype(np.int64)),
            self.progress,
            time.perf_counter(),
        )
        yield Progress(0, 1, f"{ids.numel():,} tokens", "counting")
        self.module.count(ids)
        metrics = self.validate()
        progress.seconds = time.perf_counter() - start
        progress.step = progress.epoch = 1
        progress.best = {"epoch": 1, "step": 1, "validation": metrics, "seconds": round(progress.seconds, 1)}
        progress.history.append(progress.best)
        self.best_weights = self.weights()
        yield from self.try_write()
        # Not a Notice: after one, `train` would show a sample, and there is one at the end anyway.
        yield Progress(
            1,
            1,
            f"{ids.numel():,} tokens, {self.num_parameters:,} numbers: validation {self.objective.summary(metrics)}",
            "counting",
        )

    def write(self) -> None:
        """Write metrics.jsonl and run.json."""
        write_folder(self.folder, self.progress.history, described(self))

    def restore(self) -> None:
        """Always raises RecipeError."""
        raise RecipeError(f"nothing to resume: {self.prepared.recipe.name} is trained in a single step; omit --resume")
