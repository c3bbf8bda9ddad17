"""The evaluation of language models: cross-entropy on a text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from seqshell.core.events import Table
from seqshell.core.model import Model
from seqshell.core.units import in_unit
from seqshell.host import Registry
from seqshell.training.evaluation_result import Evaluation
from seqshell.training.language.measuring import evaluate_text
from seqshell.training.language.metrics import metrics_table
from seqshell.training.task_evaluation import TaskEvaluation


class LanguageEvaluation(TaskEvaluation):
    """Reads a text file."""

    data = "text file"
    titles = ("surprisal", "bits per character", "perplexity")

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

    def summary(self, values: Mapping[str, Any]) -> tuple[str, ...]:
        """The metrics with the state carried."""
        nats, bits, perplexity = (values[key]["carry"] for key in ("nats", "bits_per_char", "perplexity"))
        return f"{in_unit(nats, self.unit):.4f} {self.unit}", f"{bits:.4f}", f"{perplexity:.4f}"
