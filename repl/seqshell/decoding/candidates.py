"""The most likely next tokens of many rows at once, after the samplers that do not have `about_chance`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqshell.core.sampling import AnswerEnded, Request, SampleContext
from seqshell.decoding.chain import Chain, Memories, is_about_chance

Floats = NDArray[np.float64]

CHUNK_ROWS = 16  # rows whose exponentials are computed at once, so that they fit into the processor's cache

NUM_SETS = 1024  # into which the vocabulary is divided to find the most likely tokens

# The samplers' context and memories of a row, and its attention [S] over the source for copying.
RowContext = tuple[SampleContext, Memories, NDArray[Any] | None]


class Shaped(NamedTuple):
    """logits [R, V] after the samplers.

    logits - totals [R]: log-probabilities for the choice. own_totals [R]: of the model's outputs. ended: the rows whose
    answers a sampler ends before this token.
    """

    logits: NDArray[Any]
    totals: Floats
    own_totals: Floats
    ended: tuple[int, ...] = ()


class Shaper:
    """Applies the samplers to the outputs of many rows: at once without samplers, row by row with them.

    The probability of excluded ids is not given to the others, so that without samplers an answer's score is the
    model's own log-probability. Samplers redistribute only the probability of the ids that may be chosen.
    """

    def __init__(self, request: Request) -> None:
        self.chain = Chain(request.samplers, excluded=request.excluded, with_chance=False, copying=request.copying)
        self.has_samplers = not all(map(is_about_chance, request.samplers)) or request.copying is not None
        self._excluded = np.array(sorted(request.excluded), np.int64)

    def shape(self, outputs: NDArray[Any], known: Callable[[int], RowContext | None]) -> Shaped:
        """Shape the outputs [R, V] of a model.

        known: the context of a row, called only if there are samplers; None skips the row.

        PluginError names the model or the sampler after which no token can be chosen.
        """
        own_totals = log_totals(outputs)
        for row in np.flatnonzero(~np.isfinite(own_totals)).tolist():
            self.chain.logits(outputs[row], SampleContext())  # raises an error that says what is wrong
        allowed = self._without_excluded(outputs)
        if not self.has_samplers:
            return Shaped(allowed, own_totals, own_totals)
        logits, ended = allowed.astype(np.float64), []
        for row, each in enumerate(outputs):
            if (mine := known(row)) is not None:
                try:
                    logits[row] = self.chain.logits(each, *mine)
                except AnswerEnded:
                    ended.append(row)
        lost = own_totals - log_totals(allowed) if self._excluded.size else 0.0
        return Shaped(logits, log_totals(logits) + lost, own_totals, tuple(ended))

    def _without_excluded(self, outputs: NDArray[Any]) -> NDArray[Any]:
        if not self._excluded.size:
            return outputs
        allowed = outputs.copy()
        allowed[:, self._excluded] = -np.inf
        return allowed


def log_totals(logits: NDArray[Any]) -> Floats:
    """log(sum(exp(logits))) of each row, [R, V] -> [R]; NaN or inf if a row has no valid logits."""
    totals = np.empty(len(logits))
    for start in range(0, len(logits), CHUNK_ROWS):
        piece = logits[start : start + CHUNK_ROWS]
        largest = piece.max(-1)
        largest[~np.isfinite(largest)] = np.nan
        with np.errstate(over="ignore"):  # tokens too far below the best for a float have probability 0
            shifted = piece - largest[:, None]
        np.exp(shifted, out=shifted)
        totals[start : start + CHUNK_ROWS] = largest + np.log(shifted.sum(-1))
    return totals


def most_likely(logits: NDArray[Any], k: int) -> NDArray[np.int64]:
    """The ids [R, k] of the k largest logits of each row [R, V], largest first, of equal ones the smaller id first; k
    <= V.

    If fewer than k are above -inf, the rest is filled with one id at -inf.
    """
    num_rows, size = logits.shape
    # Divide the ids into disjoint sets. The k-th largest of the sets' maxima is at most the k-th largest of all logits,
    # and only few logits are above it: these few are sorted instead of all V.
    num_sets = max(NUM_SETS, 2 * k)
    depth = size // num_sets
    maxima = logits if depth < 2 else logits[:, : depth * num_sets].reshape(num_rows, depth, num_sets).max(1)
    border = np.partition(maxima, maxima.shape[1] - k, -1)[:, -k, None]
    row, token = np.divmod(np.flatnonzero(logits >= np.maximum(border, np.finfo(logits.dtype).min)), size)
    order = np.lexsort((-logits[row, token], row))  # stable: equal logits stay in the order of their ids
    row, token = row[order], token[order]
    place = np.arange(len(row)) - np.searchsorted(row, np.arange(num_rows))[row]
    is_best = place < k
    best = np.empty((num_rows, k), np.int64)
    if np.count_nonzero(is_best) < best.size:
        best[:] = logits.argmin(1)[:, None]
    best[row[is_best], place[is_best]] = token[is_best]
    return best
