"""The evaluation of classifiers: accuracy, macro recall and F1 on labelled texts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from seqshell.core.events import Notice, Progress, Table
from seqshell.core.model import Model
from seqshell.core.units import in_unit
from seqshell.host import Registry
from seqshell.training.classification.evaluation import ClassificationOptions, evaluate_classes
from seqshell.training.classification.tables import percent, tables, write_png
from seqshell.training.evaluation_result import Evaluation
from seqshell.training.task_evaluation import TaskEvaluation
from seqshell.training.torch_module import torch_module_on


class ClassificationEvaluation(TaskEvaluation):
    """Reads a table of texts and labels, or a folder with one file for each label."""

    data = "table or folder"
    options = ClassificationOptions
    has_picture = True
    titles = ("accuracy", "macro recall", "macro F1", "surprisal")

    def evaluate(
        self, model: Model, files: Sequence[str], registry: Registry, device: str, options: ClassificationOptions
    ) -> Iterator[Progress | Notice | Evaluation]:
        """Yield progress and, last, the Evaluation."""
        module = torch_module_on(device, model, registry)
        yield from evaluate_classes(model, module, files[0], options, with_baselines=self.with_baselines)

    def report(self, values: Mapping[str, Any], width: int | None) -> Iterator[str | Table]:
        """Yield the metrics with those of the baselines, and the speed."""
        data = values["data"]
        texts = "held-out texts" if data.get("held_out") else "texts"
        surprisal = f"{in_unit(values['nats'], self.unit):.4f} {self.unit} per text"
        yield f"{values['model']} on {data['name']}, {data['items']:,} {texts}; {surprisal}"
        yield from tables(values, width)
        yield f"baselines trained on {values['baselines_from']}"
        if values["failed"]:
            yield f"{values['failed']:,} texts could not be read and are counted as wrong"
        yield f"{values['tokens_per_second']:,.0f} tokens/s"

    def summary(self, values: Mapping[str, Any]) -> tuple[str, ...]:
        """The shares, and the surprisal of a label."""
        shares = (percent(values[key]) for key in ("accuracy", "macro_recall", "macro_f1"))
        return (*shares, f"{in_unit(values['nats'], self.unit):.4f} {self.unit}")

    def write_png(self, values: Mapping[str, Any], path: Path) -> None:
        """Draw the confusion matrix."""
        write_png(values, path)
