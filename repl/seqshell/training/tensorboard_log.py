"""Writes what a training yields as event files that TensorBoard opens, with the package tensorboard, if that is asked.

Scalars are both losses, of which a chart is made, the learning rate, tokens per second, and every figure of the
validation; texts are the recipe and samples of the model.
"""

from __future__ import annotations

import importlib.util
import math
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from seqshell.core.errors import RecipeError
from seqshell.core.events import Event, TrainingStep
from seqshell.training.loss_curve import validations
from seqshell.training.recipes.toml import to_toml
from seqshell.training.run_folder import EVENTS
from seqshell.training.stopping import without_criterion

if TYPE_CHECKING:
    from seqshell.training.run import Run

TENSORBOARD = "tensorboard"  # of --log
TRAINING, VALIDATION = "loss/training", "loss/validation"


def check_log(name: str) -> None:
    """Raise RecipeError, before the work, for an unknown log, and if its package is missing."""
    if name not in ("", TENSORBOARD):
        raise RecipeError(f"--log is {TENSORBOARD}, not {name}")
    if name and importlib.util.find_spec("tensorboard") is None:
        raise RecipeError("--log tensorboard needs tensorboard: pip install tensorboard")


class Log:
    """Follows a training; this one writes nothing."""

    def follow(self, events: Iterator[Event]) -> Iterator[Event]:
        """The events of the training."""
        return events

    def add_sample(self, text: str) -> str:
        """Add a sample of the model as it is now. Returns it."""
        return text

    def close(self) -> None:
        """End what is written."""


@contextmanager
def opened_log(name: str, run: Run, *, resumes: bool) -> Iterator[Log]:
    """The log of a training, by its name; empty: none."""
    log = TensorBoardLog(run, resumes=resumes) if name == TENSORBOARD and run.group.is_writer else Log()
    try:
        yield log
    finally:
        log.close()


class TensorBoardLog(Log):
    """The event files of a run, in NAME.run/tensorboard.

    resumes: keep those before the place where the training continues; else earlier ones are removed.
    """

    def __init__(self, run: Run, *, resumes: bool) -> None:
        from torch.utils.tensorboard import SummaryWriter

        folder, self._run = run.folder / EVENTS, run
        self._written = len(run.progress.history)  # records
        self._speeds: list[float] = []
        if not resumes:
            shutil.rmtree(folder, ignore_errors=True)
        purge = run.progress.step + 1 if resumes else None
        self._writer: Any = SummaryWriter(str(folder), purge_step=purge)
        self._writer.add_custom_scalars({"loss": {"loss": ["Multiline", [TRAINING, VALIDATION]]}})
        self._add_text("recipe", to_toml(run.prepared.recipe.tables()))

    def follow(self, events: Iterator[Event]) -> Iterator[Event]:
        for event in events:
            if isinstance(event, TrainingStep):
                self._speeds.append(event.speed)
            self._write_new()
            yield event
        self._write_new()

    def add_sample(self, text: str) -> str:
        self._add_text("sample", text)
        return text

    def close(self) -> None:
        self._writer.close()

    def _add_text(self, name: str, text: str) -> None:
        """Write a text as it is: indented, it is code in Markdown, which TensorBoard reads."""
        self._writer.add_text(name, "\n".join(f"    {line}" for line in text.split("\n")), self._run.progress.step)

    def _write_new(self) -> None:
        """Write the records that the history has got since the last call."""
        history = self._run.progress.history
        for record in history[self._written :]:
            self._write(record)
        if len(history) > self._written:
            self._writer.flush()
        self._written = len(history)

    def _write(self, record: Mapping[str, Any]) -> None:
        step = record["step"]
        if "loss" in record:
            self._add(TRAINING, record["loss"], step)
            for name, value in record.get("auxiliary", {}).items():
                self._add(f"loss/{name}", value, step)
            self._add("learning_rate", record["learning_rate"], step)
            if self._speeds:
                self._add("tokens_per_second", sum(self._speeds) / len(self._speeds), step)
            self._speeds = []
            return
        ((_, loss),) = validations([record])
        self._add(VALIDATION, loss, step)
        for name, value in without_criterion(record["validation"]).items():
            self._add(f"validation/{name}", value, step)

    def _add(self, name: str, value: Any, step: int) -> None:
        if isinstance(value, int | float) and math.isfinite(value):
            self._writer.add_scalar(name, value, step)
