"""The states of the causal classifier: its recurrent layers, what each kind of pooling remembers of the hidden states so far, and the n-grams.

last        nothing: ()
mean        MeanSoFar
max         [B, H], the largest of each element
attention   AttendedSoFar
"""

from __future__ import annotations

from typing import Any, NamedTuple

from seqshell import State

# Attention's scores are kept within it, so that exp(score - score) is never 0; weights that are further apart than e**80 are as good as that.
BOUND = 40.0
NOTHING = -1e4  # the log of attention's weights of no token: finite, and exp(NOTHING - score) is 0


class ClassifierState(NamedTuple):
    """recurrent: that of the layers, LSTMState or [B, L, H]; pools: a state for each kind of pooling; ngrams: NgramsSoFar, or ()."""

    recurrent: State
    pools: tuple[State, ...]
    ngrams: State


class MeanSoFar(NamedTuple):
    """mean: [B, H] of the hidden states; count: [B, 1] int64, how many there were."""

    mean: Any
    count: Any


class AttendedSoFar(NamedTuple):
    """mean: [B, H] of the hidden states, each with its weight; log_total: [B, 1], the log of the sum of exp(score)."""

    mean: Any
    log_total: Any


class NgramsSoFar(NamedTuple):
    """last: [B, n - 1] int64, the last tokens, -1 where there are none; total: [B, C], the weights of all n-grams; count: [B, 1] int64, tokens."""

    last: Any
    total: Any
    count: Any
