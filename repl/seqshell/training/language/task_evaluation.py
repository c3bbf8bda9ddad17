"""The evaluation of language models: cross-entropy on a text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from seqshell.core.events import Table
from seqshell.core.model import Model
from seqshell.host import Registry
from seqshell.training.evaluation_result import Evaluation
from seqshell.training.language.measuring import evaluate_text
from seqshell.training.language.metrics import metrics_table
from seqshell.training.task_evaluation import TaskEvaluation


class LanguageEvaluation(TaskEvaluation):
    """Reads a text file."""

    data = "text file"

    def evaluate(
        self, model: Model, files: Sequence[str], registry: Registry, device: str, options: Any
    ) -> Iterator[Evaluation]:
        """Yield the Evaluation."""
        yield Evaluation(evaluate_text(model, files[0], registry, device))

    def report(self, values: Mapping[str, Any], width: int | None) -> Iterator[str | Table]:
        """Yield the metrics by protocol, and the speed."""
        data = values["data"]
        yield f"{values['model']} on {data['name']}, {data['items']:,} characters, {data['tokens']:,} tokens"
        yield metrics_table(values, self.unit)
        yield f"{values['tokens_per_second']:,.0f} tokens/s"
