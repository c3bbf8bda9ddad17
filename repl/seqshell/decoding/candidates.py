"""The likeliest next tokens of many rows at once, their logits shaped by the samplers that are not about chance."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqshell.core.sampling import Request, SampleContext
from seqshell.decoding.chain import Chain, Memories, is_about_chance

Floats = NDArray[np.float64]

CHUNK_ROWS = 16  # rows whose exponentials are computed at once, so that they stay in the processor's cache

NUM_SETS = 1024  # into which the tokens are divided to find the likeliest ones

RowContext = tuple[SampleContext, Memories]  # what the samplers may know of a row, and what they remember


class Shaped(NamedTuple):
    """logits [R, V], shaped; logits - totals [R] are the log-probabilities to choose by; own_totals [R] the same for the model's own outputs."""

    logits: NDArray[Any]
    totals: Floats
    own_totals: Floats


class Shaper:
    """Shapes the outputs of many rows: in one go without samplers, row by row with them.

    What the excluded ids would have got goes to nobody, so that an answer without samplers scores by the model's own log-probability.
    Samplers share out anew what is left to the ids that may be drawn.
    """

    def __init__(self, request: Request) -> None:
        self.chain = Chain(request.samplers, excluded=request.excluded, with_chance=False)
        self.has_samplers = not all(map(is_about_chance, request.samplers))
        self._excluded = np.array(sorted(request.excluded), np.int64)

    def shape(self, outputs: NDArray[Any], known: Callable[[int], RowContext | None]) -> Shaped:
        """outputs [R, V] of a model; known: of a row, asked only when there are samplers, None where they need not run.

        PluginError names the model or the sampler whose fault it is when no token can be chosen.
        """
        own_totals = log_totals(outputs)
        for row in np.flatnonzero(~np.isfinite(own_totals)).tolist():
            self.chain.logits(outputs[row], SampleContext())  # raises, and says what is wrong with the model
        allowed = self._without_excluded(outputs)
        if not self.has_samplers:
            return Shaped(allowed, own_totals, own_totals)
        logits = allowed.astype(np.float64)
        for row, each in enumerate(outputs):
            if (mine := known(row)) is not None:
                logits[row] = self.chain.logits(each, *mine)
        lost = own_totals - log_totals(allowed) if self._excluded.size else 0.0
        return Shaped(logits, log_totals(logits) + lost, own_totals)

    def _without_excluded(self, outputs: NDArray[Any]) -> NDArray[Any]:
        if not self._excluded.size:
            return outputs
        allowed = outputs.copy()
        allowed[:, self._excluded] = -np.inf
        return allowed


def log_totals(logits: NDArray[Any]) -> Floats:
    """log(sum(exp(logits))) of each row: logits [R, V] -> [R]; NaN or inf for a row that is no row of logits."""
    totals = np.empty(len(logits))
    for start in range(0, len(logits), CHUNK_ROWS):
        piece = logits[start : start + CHUNK_ROWS]
        largest = piece.max(-1)
        largest[~np.isfinite(largest)] = np.nan
        shifted = piece - largest[:, None]
        np.exp(shifted, out=shifted)
        totals[start : start + CHUNK_ROWS] = largest + np.log(shifted.sum(-1))
    return totals


def most_likely(logits: NDArray[Any], k: int) -> NDArray[np.int64]:
    """The ids [R, k] of the k largest logits of each row [R, V], the largest first, the smallest id first among equals; k <= V.

    Where fewer than k are over -inf, the rest is one id at -inf.
    """
    num_rows, size = logits.shape
    # The k-th largest of the maxima of disjoint sets is at most the k-th largest of all, and few others are above it.
    num_sets = max(NUM_SETS, 2 * k)
    depth = size // num_sets
    maxima = logits if depth < 2 else logits[:, : depth * num_sets].reshape(num_rows, depth, num_sets).max(1)
    border = np.partition(maxima, maxima.shape[1] - k, -1)[:, -k, None]
    row, token = np.divmod(np.flatnonzero(logits >= np.maximum(border, np.finfo(logits.dtype).min)), size)
    order = np.lexsort((-logits[row, token], row))  # stable: equal ones stay in the order of their ids
    row, token = row[order], token[order]
    place = np.arange(len(row)) - np.searchsorted(row, np.arange(num_rows))[row]
    is_best = place < k
    best = np.empty((num_rows, k), np.int64)
    if np.count_nonzero(is_best) < best.size:
        best[:] = logits.argmin(1)[:, None]
    best[row[is_best], place[is_best]] = token[is_best]
    return best
