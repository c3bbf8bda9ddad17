"""The metrics of translations, with their tables and picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from seqshell.core.events import Table
from seqshell.core.units import in_unit
from seqshell.training.pictures import new_figure, plain_title, write_figure
from seqshell.training.translation import bleu, rouge
from seqshell.training.translation.baselines import BASELINES, TITLES
from seqshell.training.translation.data import Pairs

BAR = 30  # characters of the longest bar
BESIDE = {"bleu": "BLEU", "chrf": "chrF"}  # the scores that baselines have, too


def text_metrics(
    sources: Sequence[str], found: Sequence[str], references: Sequence[str], language: str, has_rouge: bool = False
) -> dict[str, Any]:
    """bleu, chrf and bleu_lc_tok with their signatures, exact_match (0 to 1) and the BLEU by_length.

    language: of the target. has_rouge: adds rouge1, rouge2 and rougeL.
    """
    scores = {
        "bleu": bleu.bleu(found, references),
        "chrf": bleu.chrf(found, references),
        "bleu_lc_tok": bleu.bleu_lc_tok(found, references, language),
    }
    signatures = {name: score.signature for name, score in scores.items()}
    return {
        **{name: score.value for name, score in scores.items()},
        **(rouge.rouge(found, references) if has_rouge else {}),
        "signature": {**signatures, **(dict.fromkeys(rouge.TITLES, rouge.signature()) if has_rouge else {})},
        "exact_match": exact_match(found, references),
        "by_length": [
            {"words": [group.low, group.high], "items": group.items, "bleu": group.bleu}
            for group in bleu.bleu_by_length(sources, found, references)
        ],
    }


def baseline_metrics(training: Pairs, tested: Pairs, has_rouge: bool = False) -> dict[str, dict[str, float]]:
    """bleu, chrf and exact_match of each baseline, given the training pairs, on the tested ones.

    A blank source has a blank answer. has_rouge: adds rouge1, rouge2 and rougeL.
    """
    metrics = {}
    for name, answers in BASELINES.items():
        answered = answers(training.sources, training.targets, tested.sources)
        found = [text if source.strip() else "" for text, source in zip(answered, tested.sources, strict=True)]
        metrics[name] = {
            "bleu": bleu.bleu(found, tested.targets).value,
            "chrf": bleu.chrf(found, tested.targets).value,
            "exact_match": exact_match(found, tested.targets),
            **(rouge.rouge(found, tested.targets) if has_rouge else {}),
        }
    return metrics


def baselines_table(values: Mapping[str, Any]) -> Table:
    """The scores of the model beside those of the baselines."""
    rows = {values["model"]: values} | {TITLES[name]: each for name, each in values["baselines"].items()}
    scores = {name: title for name, title in (BESIDE | rouge.TITLES).items() if name in values}
    cells = (
        (name, *(f"{each[score]:.2f}" for score in scores), f"{100 * each['exact_match']:.2f} %")
        for name, each in rows.items()
    )
    return Table(("answers", *scores.values(), "exact"), tuple(cells))


def exact_match(found: Sequence[str], references: Sequence[str]) -> float:
    """The share of translations equal to their reference up to the number of spaces: 0 to 1."""
    same = sum(" ".join(one.split()) == " ".join(other.split()) for one, other in zip(found, references, strict=True))
    return same / max(1, len(references))


def metrics_table(values: Mapping[str, Any], unit: str = "nats") -> Table:
    """The metrics of `evaluate_pairs` that are among the values, one per row."""
    scores = BESIDE | {"bleu_lc_tok": "BLEU, lowercased Moses tokens"} | rouge.TITLES
    signatures = values.get("signature", {})
    rows = [
        (title, f"{values[name]:.2f}", signatures.get(name, "")) for name, title in scores.items() if name in values
    ]
    if "exact_match" in values:
        rows.append(("exact", f"{100 * values['exact_match']:.2f} %", "translations equal to their reference"))
    surprisal = f"{in_unit(values['nats'], unit):.4f} {unit}"
    rows.append(("perplexity", f"{values['perplexity']:.3f}", f"{surprisal} per token, teacher-forced"))
    return Table(("metric", "value", "how it is computed"), tuple(rows))


def lengths_table(values: Mapping[str, Any]) -> Table:
    """BLEU by source length, with bars."""
    best = max((group["bleu"] for group in values["by_length"]), default=0.0) or 1.0
    rows = [
        (_words(group), group["items"], f"{group['bleu']:.2f}", "█" * round(BAR * group["bleu"] / best))
        for group in values["by_length"]
    ]
    return Table(("source words", "sentences", "BLEU", ""), tuple(rows))


def write_png(values: Mapping[str, Any], path: Path) -> None:
    """Draw BLEU by source length as bars labelled with the number of sentences, as a PNG."""
    figure = new_figure(8, 5)
    axes = figure.subplots()
    bars = axes.bar([_words(group) for group in values["by_length"]], [group["bleu"] for group in values["by_length"]])
    axes.bar_label(bars, [f"{group['items']:,}" for group in values["by_length"]], padding=2)
    axes.set(
        xlabel="words of the source",
        ylabel="BLEU",
        title=plain_title(f"{values['model']}: BLEU {values['bleu']:.2f}, number of sentences on the bars"),
    )
    axes.grid(axis="y", alpha=0.3)
    write_figure(figure, path)


def _words(group: Mapping[str, Any]) -> str:
    """The lengths of a group: 1-4, 30+."""
    low, high = group["words"]
    return f"{low}+" if high is None else f"{low}-{high}"
