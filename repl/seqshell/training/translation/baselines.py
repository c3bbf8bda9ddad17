"""Baselines for models that answer a text with a text, all without a neural network.

most frequent    the answer that occurs most often in the training pairs
lead             the first sentence of the source
nearest          the answer of the training source with the most similar n-grams of words
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np

from seqshell.training.classification.bags import make_bags

SENTENCE = re.compile(r".+?[.!?](?=\s|$)")
UNIT = "words"  # of the n-grams, 1 and 2

Texts = Sequence[str]


def most_frequent(sources: Texts, answers: Texts, others: Texts) -> list[str]:
    """The most frequent of the answers, for each of the other sources; of several, the first."""
    ((answer, _),) = Counter(answers).most_common(1)
    return [answer] * len(others)


def lead(sources: Texts, answers: Texts, others: Texts) -> list[str]:
    """The first sentence of each of the other sources, or all of it."""
    found = map(SENTENCE.match, others)
    return [match[0] if match else source for match, source in zip(found, others, strict=True)]


def nearest(sources: Texts, answers: Texts, others: Texts) -> list[str]:
    """The answer of the source that is most similar to each of the other sources; of several, the first.

    Similar: by the cosine of the bags of n-grams, each count times log(number of sources / sources with the n-gram)
    (Manning et al. 2008, Introduction to Information Retrieval, chapter 6).
    """
    bags = make_bags([*sources, *others], UNIT)
    known, tested = bags.at(np.arange(len(sources))), bags.at(np.arange(len(sources), len(sources) + len(others)))
    frequency = np.bincount(known.ids, minlength=bags.num)
    weight = np.log(len(sources) / np.maximum(frequency, 1))
    values = known.counts * weight[known.ids]
    lengths = np.sqrt(np.bincount(known.rows, values**2, len(sources)))
    order = np.argsort(known.ids, kind="stable")  # the places of each n-gram in the training sources, together
    starts = np.concatenate(([0], np.cumsum(frequency)))
    rows, values = known.rows[order], values[order]
    found = []
    for row in range(len(others)):
        scores = np.zeros(len(sources))
        for place in range(tested.starts[row], tested.starts[row + 1]):
            gram = tested.ids[place]
            if frequency[gram]:
                part = slice(starts[gram], starts[gram + 1])
                scores[rows[part]] += tested.counts[place] * weight[gram] * values[part]
        found.append(answers[int((scores / np.maximum(lengths, 1e-12)).argmax())])
    return found


BASELINES: Mapping[str, Callable[[Texts, Texts, Texts], list[str]]] = MappingProxyType(
    {"most_frequent": most_frequent, "lead": lead, "nearest": nearest}
)
TITLES: Mapping[str, str] = MappingProxyType(
    {
        "most_frequent": "most frequent answer",
        "lead": "first sentence of the source",
        "nearest": "answer of the nearest source, by n-grams of words",
    }
)
