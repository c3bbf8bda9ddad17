"""ROUGE of summaries (Lin 2004, https://aclanthology.org/W04-1013).

Only this module imports rouge-score, which the extra `evaluate` installs.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from importlib.metadata import version

from seqshell.core.errors import UsageError

TITLES = {"rouge1": "ROUGE-1", "rouge2": "ROUGE-2", "rougeL": "ROUGE-L"}  # as rouge-score calls them


def check_available() -> None:
    """Raise UsageError, before the work, if rouge-score is missing."""
    if importlib.util.find_spec("rouge_score") is None:
        raise UsageError("ROUGE needs rouge-score: pip install rouge-score")


def rouge(found: Sequence[str], references: Sequence[str]) -> dict[str, float]:
    """The mean F1, 0 to 100, of the words and pairs of words in common and of the longest common subsequence.

    Words are lowercased English ones, without their endings (Porter stemmer).
    """
    from rouge_score.rouge_scorer import RougeScorer  # type: ignore[import-untyped]  # it has no types

    scorer, total = RougeScorer(list(TITLES), use_stemmer=True), dict.fromkeys(TITLES, 0.0)
    for text, reference in zip(found, references, strict=True):
        for name, score in scorer.score(reference, text).items():
            total[name] += score.fmeasure
    return {name: 100 * each / max(1, len(references)) for name, each in total.items()}


def signature() -> str:
    """How the scores are computed."""
    return f"F1|stem:porter|rouge-score:{version('rouge-score')}"
