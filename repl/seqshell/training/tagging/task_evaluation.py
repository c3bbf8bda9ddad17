"""The evaluation of taggers: accuracy by word, and F1 of entities, beside the most frequent tag of each word."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from seqshell.core.events import Notice, Progress, Table
from seqshell.core.model import Model
from seqshell.core.text_output import counted
from seqshell.core.units import in_unit
from seqshell.host import Registry
from seqshell.training.evaluation_result import Evaluation
from seqshell.training.tagging.evaluation import TaggingOptions, evaluate_tags
from seqshell.training.tagging.tables import metrics_table, tags_table, types_table
from seqshell.training.task_evaluation import TaskEvaluation
from seqshell.training.torch_module import torch_module_on


class TaggingEvaluation(TaskEvaluation):
    """Reads a file with a word and its tag in each line."""

    data = "file with tags"
    options = TaggingOptions

    def evaluate(
        self, model: Model, files: Sequence[str], registry: Registry, device: str, options: TaggingOptions
    ) -> Iterator[Progress | Notice | Evaluation]:
        """Yield progress and, last, the Evaluation."""
        yield from evaluate_tags(model, torch_module_on(device, model, registry), files[0], options)

    def report(self, values: Mapping[str, Any], width: int | None) -> Iterator[str | Table]:
        """Yield the metrics with those of the baseline, by type or by tag, and the speed."""
        data = values["data"]
        sentence = "held-out sentence" if data.get("held_out") else "sentence"
        size = f"{counted(data['sentences'], sentence)} with {counted(data['items'], 'word')}"
        surprisal = f"{in_unit(values['nats'], self.unit):.4f} {self.unit} per word"
        yield f"{values['model']} on {data['name']}, {size}; {surprisal}"
        yield metrics_table(values["model"], values)
        yield types_table(values["by_type"]) if values["by_type"] else tags_table(values["by_tag"])
        yield f"baseline from {values['baselines_from']}"
        yield f"{values['tokens_per_second']:,.0f} tokens/s"
