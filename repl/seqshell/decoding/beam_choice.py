"""What a step of beam search chooses: the best continuations of all hypotheses, group by group."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqshell.decoding.candidates import Floats, most_likely

Ids = NDArray[np.int64]


class Continuations(NamedTuple):
    """All that can follow the P live hypotheses of M sentences.

    logits [M, P, V], of which a token's score is made by adding before [M, P]; outputs and own_before: the same of the
    model alone.
    """

    logits: NDArray[Any]
    before: Floats
    outputs: NDArray[Any]
    own_before: Floats


# Of logits [M, P, V] and before [M, P], the best K continuations of each sentence, best first: the places [M, K] among
# the P, the tokens [M, K] and the ranks [M, K], -inf where there are fewer. The last argument is the first place.
Ranker = Callable[[NDArray[Any], Floats, int, int], tuple[Ids, Ids, Floats]]


class Choice(NamedTuple):
    """The best continuations of each sentence, arrays [M, W]: the place of the parent, and the token.

    sums: of the log-probabilities after the samplers, by which hypotheses are ranked; -inf if a place is empty.
    log_probs: of the same tokens by the model alone.
    """

    places: Ids
    tokens: Ids
    sums: Floats
    log_probs: Floats


def choose(found: Continuations, groups: int, share: int, diversity: float, ranker: Ranker) -> Choice:
    """The best continuations of each group's hypotheses, one group after the other; share: places of a group."""
    num_sentences, places, size = found.logits.shape
    # how many hypotheses chose a token at this step
    taken = np.zeros((num_sentences, size)) if groups > 1 else None
    sentence = np.arange(num_sentences)[:, None]
    choices = []
    for group in range(groups):
        first = 0 if places == 1 else group * share  # at first all groups share one place
        mine = slice(first, first + min(places, share))
        part = found.logits[:, mine]
        if taken is not None:
            part = part - diversity * taken[:, None]
        place, token, ranks = ranker(part, found.before[:, mine], share, first)
        parent, chosen = (sentence, first + place), (sentence, first + place, token)
        sums = np.where(np.isfinite(ranks), found.before[parent] + found.logits[chosen], -np.inf)
        choices.append(Choice(first + place, token, sums, found.own_before[parent] + found.outputs[chosen]))
        if taken is not None:
            np.add.at(taken, (sentence, token), np.isfinite(sums))
    return Choice(*(np.concatenate(parts, 1) for parts in zip(*choices, strict=True)))


def most_likely_continuations(logits: NDArray[Any], before: Floats, share: int, first: int) -> tuple[Ids, Ids, Floats]:
    """The most likely ones. Of equal ones, the one with the better parent, then with the smaller id.

    Only the `share` most likely tokens of each parent are compared: more of one parent cannot be among the best.
    """
    num_sentences, places, size = logits.shape
    ids = most_likely(logits.reshape(-1, size), share).reshape(num_sentences, places, share)  # [M, P, K]
    ranks = (before[:, :, None] + np.take_along_axis(logits, ids, 2)).reshape(num_sentences, -1)  # [M, P * K]
    best = np.argsort(-ranks, axis=1, kind="stable")[:, :share]
    token = np.take_along_axis(ids.reshape(num_sentences, -1), best, 1)
    return best // share, token, np.take_along_axis(ranks, best, 1)
