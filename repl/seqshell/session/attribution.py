"""Why a model chose a label: by how much each token of the text moved the label's log-odds ln(p / (1 - p)).

Before the first token, and for a text without tokens, all labels are equally likely.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.decoding.probabilities import log_probs
from seqshell.session.checked_decoder import CheckedDecoder

MAX_ROWS = 64  # texts, each without one of the tokens, that are read together


def log_odds(outputs: NDArray[Any], index: int) -> float:
    """ln(p / (1 - p)) of one of at least two labels; outputs [C]."""
    logs = log_probs(outputs)
    others = np.delete(logs, index)
    largest = float(others.max())
    return float(logs[index]) - largest - math.log(np.exp(others - largest).sum())


def by_stepping(decoder: CheckedDecoder, ids: list[int], index: int, stopped: Callable[[], bool]) -> list[float] | None:
    """For each token, the label's log-odds after it minus those before it: the sum is the last minus the first.

    None if `stopped` returns True before the end.
    """
    before, state = _initial_log_odds(decoder), decoder.initial_state(1)
    moved = []
    for token in ids:
        if stopped():
            return None
        outputs, state = decoder.step(np.array([token], np.int64), state)
        after = log_odds(outputs[0], index)
        moved.append(after - before)
        before = after
    return moved


def by_leaving_out(
    decoder: CheckedDecoder, ids: list[int], index: int, stopped: Callable[[], bool]
) -> list[float] | None:
    """For each token, the label's log-odds for the whole text minus those without the token: the sum means nothing.

    The text is read once per token. None if `stopped` returns True before the end.
    """
    whole = log_odds(decoder.feed(np.array([ids], np.int64), decoder.initial_state(1))[0][0], index)
    if len(ids) == 1:
        return [whole - _initial_log_odds(decoder)]
    moved: list[float] = []
    for start in range(0, len(ids), MAX_ROWS):
        if stopped():
            return None
        places = range(start, min(len(ids), start + MAX_ROWS))
        rows = np.array([ids[:place] + ids[place + 1 :] for place in places], np.int64)
        outputs, _ = decoder.feed(rows, decoder.initial_state(len(rows)))
        moved += [whole - log_odds(row, index) for row in outputs]
    return moved


def _initial_log_odds(decoder: CheckedDecoder) -> float:
    """The log-odds of any label while all are equally likely."""
    return -math.log(decoder.shape[0] - 1)
