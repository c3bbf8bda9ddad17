"""Tokens drawn from a large vocabulary by rules that keep few of them.

A read-out in int8 reads a quarter of the bytes. How far each of its logits is from the exact one is bounded by
|x| |w - w'|, where w' is the rounded weight (Cauchy and Schwarz), and the rounding errors of both sums. The few logits
that can be among those that are kept are then computed from the exact weights, in the order of the exact read-out: what
is drawn is the same, to the last bit. If too many can be kept, nothing is drawn. The exact logits of all tokens of a
block are computed at its end, in one pass over the weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from seqshell.core.shortlist import Divide, KeepBest, KeepNear, Rule, Shortlist
from seqshell.core.state import State
from seqshell.layers.compiled_linear import CompiledLinear
from seqshell.layers.linear import Linear
from seqshell.layers.weights import Floats

MOST = 256  # candidates
BLOCK = 16  # tokens
GROUP = 16  # logits of which the largest is looked at
LEAST_BYTES = 1 << 24  # of the exact weights; caches hold fewer, which are read as fast as anything else is done
INPUT_STEPS = 16383  # to which the int8 kernels round the inputs
MARGIN = 1.01  # the bounds are rounded, too

Drawn = tuple[list[int], list[Floats], list[State]]


def first_keeping(rules: Sequence[Rule]) -> tuple[KeepBest | KeepNear, float] | None:
    """The first rule that removes logits, and what they are divided by before; None if it needs all of them."""
    divisor = 1.0
    for rule in rules:
        if type(rule) is Divide:
            divisor *= rule.t
        elif type(rule) is KeepNear or (type(rule) is KeepBest and rule.k <= MOST):
            return rule, divisor
        else:
            break
    return None


class RoughReadout:
    """The logits that can matter, found with int8 weights. It is made when a token is first drawn with them."""

    def __init__(self, readout: Linear) -> None:
        self._weight = readout.weight.T  # [V, H]
        self._is_in_vain = False  # the last block had too many candidates for its second token
        self._bias = np.zeros(len(self._weight), np.float32) if readout.bias is None else readout.bias
        self._rough = CompiledLinear(readout, precision="int8")
        kept, rounding = self._rough.weight.T, (self._weight.shape[1] + 16) * 2.0**-22
        steps = np.abs(kept).sum(axis=1) / (2 * INPUT_STEPS)
        norms = rounding * np.linalg.norm(self._weight, axis=1)
        self._share = MARGIN * (np.linalg.norm(self._weight - kept, axis=1) + steps + norms)
        self._offset = rounding * np.abs(self._bias)

    def draw_block(
        self,
        outputs: Floats,
        state: State,
        rules: Sequence[Rule],
        excluded: Sequence[int],
        numbers: Sequence[float],
        step: Callable[[int, State], tuple[Floats, State]],
        read_out: Callable[[Floats], Floats],
    ) -> Drawn | None:
        """As Decoder.draw_block, for rules with a `first_keeping`. None after a block in which there were too many.

        step: (token, state) -> what the read-out reads [1, H], state. read_out: [N, H] -> exact logits [N, V].
        """
        if self._is_in_vain:
            self._is_in_vain = False
            return None
        ids: list[int] = []
        hidden: list[Floats] = []
        states: list[State] = []
        for number in numbers[:BLOCK]:
            if hidden:
                found = self._candidates(hidden[-1], rules, excluded)
                if not 0 < len(found) <= MOST:
                    self._is_in_vain = len(hidden) == 1
                    break
                exact = CompiledLinear(Linear(self._weight[found], self._bias[found]))(hidden[-1])[0]
            else:
                found, exact = np.arange(outputs.shape[1]), outputs[0].copy()
                exact[list(excluded)] = -np.inf
            index = _drawn(exact, rules, number)
            if index is None:
                break
            ids.append(found.item(index))
            last, state = step(ids[-1], state)
            hidden.append(last)
            states.append(state)
        return ids, [row[None].copy() for row in read_out(np.concatenate(hidden))] if hidden else [], states

    def _candidates(self, hidden: Floats, rules: Sequence[Rule], excluded: Sequence[int]) -> NDArray[np.int64]:
        """The ids, rising, that can be among those that the first of the rules keeps."""
        keeping = first_keeping(rules)
        assert keeping is not None
        rule, divisor = keeping
        rough = self._rough(hidden)[0]
        bound = np.linalg.norm(hidden) * self._share + self._offset
        lower, upper = rough - bound, rough + bound
        lower[list(excluded)], upper[list(excluded)] = -np.inf, np.nan  # no comparison is true of NaN
        if isinstance(rule, KeepBest):
            border = _at_most_best(lower, rule.k)
        else:
            best, below = lower.max(), rule.below * divisor
            border = best + below - 1e-5 * (abs(best) + abs(below))
        found: NDArray[np.int64] = (upper >= border).nonzero()[0]
        return found


def _at_most_best(numbers: Floats, k: int) -> float:
    """A number that is not above the k-th largest: the k-th largest of the maxima of groups."""
    count = len(numbers) // GROUP
    maxima = numbers[: count * GROUP].reshape(GROUP, count).max(axis=0) if k <= count else numbers
    border: float = np.partition(maxima, -k)[-k] if k <= len(maxima) else -math.inf
    return border


def _drawn(logits: Floats, rules: Sequence[Rule], number: float) -> int | None:
    """The index that a number in [0, 1) draws after the rules; None if that is not certain."""
    left = logits.astype(np.float64)
    largest = left.item(left.argmax())
    if not math.isfinite(largest):
        return None
    shortlist = Shortlist(left, largest)
    for rule in rules:
        rule.apply(shortlist)
    return shortlist.draw(number) if shortlist.certain and math.isfinite(shortlist.largest) else None
