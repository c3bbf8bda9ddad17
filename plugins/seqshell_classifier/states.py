"""The state of the causal classifier: of its recurrent layers, each kind of pooling, the n-grams and the linear part.

The states of pooling, over the hidden states read so far:

    last        (), no state
    mean        RunningMean
    max         [B, H], the maximum of each unit
    attention   RunningAttention
"""

from __future__ import annotations

from typing import Any, NamedTuple

from seqshell import State

# Attention's scores are clipped to +-MAX_SCORE, so that the exp of a difference of scores is never 0 in float32.
MAX_SCORE = 40.0
EMPTY_LOG_TOTAL = -1e4  # log of the sum of no weights: finite, and exp(EMPTY_LOG_TOTAL - score) is 0


class ClassifierState(NamedTuple):
    """recurrent: LSTMState or [B, L, H]; pools: a state for each kind of pooling.

    ngrams, linear: RunningNgrams, or ().
    """

    recurrent: State
    pools: tuple[State, ...]
    ngrams: State
    linear: State = ()


class RunningMean(NamedTuple):
    """mean: [B, H] of the hidden states; count: [B, 1] int64, the number of hidden states."""

    mean: Any
    count: Any


class RunningAttention(NamedTuple):
    """mean: [B, H], the weighted mean of the hidden states; log_total: [B, 1], the log of the sum of exp(score)."""

    mean: Any
    log_total: Any


class RunningNgrams(NamedTuple):
    """last: [B, n - 1] int64, the last tokens, -1 before the beginning; total: [B, C], the sum of the weights of all
    n-grams; count: [B, 1] int64, the number of tokens; in the linear part, of known n-grams."""

    last: Any
    total: Any
    count: Any
