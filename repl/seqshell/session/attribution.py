"""Why a model chose a label: by how much each token of the text moved the log-odds ln(p / (1 - p)) of it.

What was believed before the first token, and of a text without any, is the uniform distribution.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.decoding.probabilities import log_probs
from seqshell.session.checked_decoder import CheckedDecoder

MOST_ROWS = 64  # texts that are read together with one token left out of each


def log_odds(outputs: NDArray[Any], index: int) -> float:
    """ln(p / (1 - p)) of one of at least two labels; outputs [C]."""
    logs = log_probs(outputs)
    others = np.delete(logs, index)
    largest = float(others.max())
    return float(logs[index]) - largest - math.log(np.exp(others - largest).sum())


def by_stepping(decoder: CheckedDecoder, ids: list[int], index: int, stopped: Callable[[], bool]) -> list[float] | None:
    """For each token, log-odds of the label after it less those before it: they add up to the last less the first.

    None when `stopped` says that nobody waits any more.
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
    """For each token, log-odds of the label for the whole text less those without that token: they do not add up to anything.

    The text is read as often as it has tokens. None when `stopped` says that nobody waits any more.
    """
    whole = log_odds(decoder.feed(np.array([ids], np.int64), decoder.initial_state(1))[0][0], index)
    if len(ids) == 1:
        return [whole - _initial_log_odds(decoder)]
    moved: list[float] = []
    for start in range(0, len(ids), MOST_ROWS):
        if stopped():
            return None
        rows = np.array(
            [ids[:place] + ids[place + 1 :] for place in range(start, min(len(ids), start + MOST_ROWS))], np.int64
        )
        outputs, _ = decoder.feed(rows, decoder.initial_state(len(rows)))
        moved += [whole - log_odds(row, index) for row in outputs]
    return moved


def _initial_log_odds(decoder: CheckedDecoder) -> float:
    """The log-odds of any label while all are equally likely."""
    return -math.log(decoder.shape[0] - 1)
