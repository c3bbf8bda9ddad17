"""The metrics of a tagger: accuracy by word, and precision, recall and F1 of entities.

An entity counts if its type and all its words are right, as in conlleval (Tjong Kim Sang & De Meulder 2003) and in
seqeval.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from seqshell.core.tagged_words import entities, has_entities

Tags = Sequence[Sequence[str]]  # of each sentence


def tag_metrics(true: Tags, predicted: Tags) -> dict[str, float]:
    """accuracy, and precision, recall and f1 if the true tags name entities; 0 to 1."""
    pairs = [pair for sentence in zip(true, predicted, strict=True) for pair in zip(*sentence, strict=True)]
    found = {"accuracy": sum(one == other for one, other in pairs) / max(1, len(pairs))}
    if has_entities(sorted({tag for tag, _ in pairs})):
        hits, right, guessed = (sum(counts.values()) for counts in entity_counts(true, predicted))
        found |= {"precision": _share(hits, guessed), "recall": _share(hits, right)}
        found["f1"] = _share(2 * hits, right + guessed)
    return found


def entity_counts(true: Tags, predicted: Tags) -> tuple[Counter[str], Counter[str], Counter[str]]:
    """By type: entities that were found, true entities, predicted entities."""
    hits, right, guessed = Counter[str](), Counter[str](), Counter[str]()
    for one, other in zip(true, predicted, strict=True):
        expected, found = set(entities(one)), set(entities(other))
        hits.update(entity.type for entity in expected & found)
        right.update(entity.type for entity in expected)
        guessed.update(entity.type for entity in found)
    return hits, right, guessed


def entity_metrics(true: Tags, predicted: Tags) -> list[dict[str, Any]]:
    """type, entities, precision (None if none was predicted), recall and f1 of each type, in alphabetical order."""
    hits, right, guessed = entity_counts(true, predicted)
    return [
        {
            "type": kind,
            "entities": right[kind],
            "precision": hits[kind] / guessed[kind] if guessed[kind] else None,
            "recall": _share(hits[kind], right[kind]),
            "f1": _share(2 * hits[kind], right[kind] + guessed[kind]),
        }
        for kind in sorted({*right, *guessed})
    ]


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
