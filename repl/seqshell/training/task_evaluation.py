"""The base class of a task's evaluation: what it reads, how it measures, and how it reports the metrics."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from seqshell.core.errors import UsageError
from seqshell.core.events import Notice, Progress, Table
from seqshell.core.model import Model
from seqshell.core.tasks import task_spec
from seqshell.host import Registry, resolve
from seqshell.training.evaluation_result import Evaluation


class TaskEvaluation(ABC):
    """How models for one task are evaluated.

    data: what the data is, if it must be one file; empty if `evaluate` checks the number of files.
    options: a dataclass whose fields are the task's options of `seqshell evaluate`; None if it has none.
    has_picture: whether `write_png` can draw the metrics. unit: of surprisals in the report, nats or bits. titles: of
    the numbers in `summary`. with_baselines: whether baselines are measured, too; the members of an ensemble have none
    of their own.
    """

    data: ClassVar[str] = ""
    options: ClassVar[type[Any] | None] = None
    has_picture: ClassVar[bool] = False
    titles: ClassVar[tuple[str, ...]] = ()
    unit: str = "nats"
    with_baselines: bool = True

    @abstractmethod
    def evaluate(
        self, model: Model, files: Sequence[str], registry: Registry, device: str, options: Any
    ) -> Iterator[Progress | Notice | Evaluation]:
        """Yield progress and, last, the Evaluation. options: an object of the class `options`."""

    @abstractmethod
    def report(self, values: Mapping[str, Any], width: int | None) -> Iterator[str | Table]:
        """Yield the metrics as lines and tables.

        width: of the terminal in columns, None if the report goes to a file.
        """

    def summary(self, values: Mapping[str, Any]) -> tuple[str, ...]:
        """The numbers that compare models, as texts; empty if models of the task form no ensembles."""
        return ()

    def members_table(self, values: Mapping[str, Any]) -> Table:
        """An ensemble beside its members, one in each row."""
        rows = tuple((each["model"], *self.summary(each)) for each in (values, *values["members"]))
        return Table(("model", *self.titles), rows)

    def write_png(self, values: Mapping[str, Any], path: Path) -> None:
        """Draw the metrics into a PNG file. Raises UsageError if `has_picture` is False."""
        raise UsageError("there is no picture of these metrics; write them to a .json file")


def evaluation_of(task: str) -> TaskEvaluation:
    """Return the evaluation of models for the task."""
    evaluation: TaskEvaluation = resolve(task_spec(task).evaluation)()
    return evaluation
