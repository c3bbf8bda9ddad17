"""The evaluation of translation models: cross-entropy, BLEU and chrF on sentence pairs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from seqshell.core.events import Progress, Table
from seqshell.core.model import Model
from seqshell.host import Registry
from seqshell.training.evaluation_result import Evaluation
from seqshell.training.provenance import pair_format
from seqshell.training.task_evaluation import TaskEvaluation
from seqshell.training.torch_module import torch_module_on
from seqshell.training.translation.data import read_pairs
from seqshell.training.translation.evaluation import TranslationOptions, evaluate_pairs
from seqshell.training.translation.held_out import held_out
from seqshell.training.translation.metrics import baselines_table, lengths_table, metrics_table, write_png


class TranslationEvaluation(TaskEvaluation):
    """Reads a source and a target file, or one file of pairs."""

    options = TranslationOptions
    has_picture = True
    titles = ("BLEU", "chrF", "exact", "perplexity")

    def evaluate(
        self, model: Model, files: Sequence[str], registry: Registry, device: str, options: TranslationOptions
    ) -> Iterator[Progress | Evaluation]:
        """Yield progress and, last, the Evaluation."""
        pairs, others = read_pairs(files, format=pair_format(model)), None
        if options.held_out:
            split = held_out(model, pairs)
            pairs, others = split.validation, split.training if self.with_baselines else None
        elif options.training and self.with_baselines:
            others = read_pairs([options.training], format=pair_format(model)).without_blank()
        yield from evaluate_pairs(model, torch_module_on(device, model, registry), pairs, registry, options, others)

    def report(self, values: Mapping[str, Any], width: int | None) -> Iterator[str | Table]:
        """Yield the metrics, also by length of the source, and the speed."""
        data = values["data"]
        names = data["name"] if isinstance(data["name"], str) else " and ".join(data["name"])
        pairs = "held-out pairs" if data.get("held_out") else "pairs"
        yield f"{values['model']} on {names}, {data['items']:,} {pairs}, by {values['strategy']}"
        yield metrics_table(values, self.unit)
        if "baselines" in values:
            yield baselines_table(values)
            yield f"baselines from {values['baselines_from']:,} other pairs"
        yield lengths_table(values)
        if values["failed"]:
            yield f"{values['failed']:,} sentences could not be read and have empty translations"
        yield f"{values['sentences_per_second']:,.1f} sentences/s, {values['tokens_per_second']:,.0f} tokens/s"

    def summary(self, values: Mapping[str, Any]) -> tuple[str, ...]:
        """BLEU, chrF, the share of exact answers, and perplexity."""
        exact = f"{100 * values['exact_match']:.2f} %"
        return f"{values['bleu']:.2f}", f"{values['chrf']:.2f}", exact, f"{values['perplexity']:.3f}"

    def write_png(self, values: Mapping[str, Any], path: Path) -> None:
        """Draw BLEU by length of the source."""
        write_png(values, path)
