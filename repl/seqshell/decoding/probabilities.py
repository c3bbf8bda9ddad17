"""Log-probabilities, ranks and entropy of a model's outputs, in float64 and nats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def log_probs(logits: NDArray[Any]) -> NDArray[np.float64]:
    """logits [..., V] -> log-softmax over the last axis, [..., V]; -inf stays -inf."""
    shifted = logits.astype(np.float64)
    with np.errstate(over="ignore"):  # tokens too far below the best for a float have probability 0
        shifted -= shifted.max(-1, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(-1, keepdims=True))
    return shifted


def log_probs_of(logits: NDArray[Any], ids: Sequence[int]) -> NDArray[np.float64]:
    """logits [N, V] -> the log-softmax of one id of each row, [N]: the same numbers as log_probs."""
    shifted = logits.astype(np.float64)
    with np.errstate(over="ignore"):  # as there
        shifted -= shifted.max(-1, keepdims=True)
    chosen = shifted[np.arange(len(ids)), ids]
    logs: NDArray[np.float64] = chosen - np.log(np.exp(shifted, out=shifted).sum(-1))
    return logs


def rank(logits: NDArray[Any], token: int) -> int:
    """The number of more likely tokens, 0 for the best; logits [V].

    Of equally likely ones the smaller id comes first.
    """
    mine = logits[token]
    return int(np.count_nonzero(logits > mine) + np.count_nonzero(logits[:token] == mine))


def entropy(logits: NDArray[Any]) -> float:
    """The expected surprisal of the next token in nats; logits [V]."""
    return entropy_of(log_probs(logits))


def entropy_of(logs: NDArray[np.float64]) -> float:
    """The expected surprisal of the next token in nats; log-probabilities [V]."""
    probs = np.exp(logs)
    possible = probs > 0
    return float(-(probs[possible] * logs[possible]).sum()) + 0.0  # a certain token has the entropy 0, not -0
