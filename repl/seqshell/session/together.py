"""Candidates of one answer that are drawn together: each is a row of one search, which reads the weights once for all.

The tokens, states and outputs are those of the candidates one by one, in every bit.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from seqshell.core.sampling import ENDED, AnswerEnded, Draw
from seqshell.core.state import leaves, map_leaves
from seqshell.decoding.strategies import Sample
from seqshell.session.cursor import Cursor
from seqshell.session.generation import GenerationPlan, Step, search

MOST_ROWS = 8  # as many as share a pass over the weights
MAX_BYTES = 1 << 26  # of the steps that wait until their candidate is shown


def together(cursor: Cursor, plans: Sequence[GenerationPlan], draws: Sequence[Draw]) -> list[GenerationPlan]:
    """The plans of the candidates that begin at this position, with rows of searches where that saves time."""
    first = plans[0]
    same = all(plan.samplers == first.samplers and plan.strategy == first.strategy for plan in plans)
    if not same or type(first.strategy) is not Sample or not cursor.decoder.rows_share_weights:
        return list(plans)
    of_step = cursor.plain.shape[0] * 4 + sum(leaf.nbytes for leaf in leaves(cursor.here.state))
    number = min(MOST_ROWS, MAX_BYTES // (of_step * first.stop.max_tokens))
    found: list[GenerationPlan] = []
    for start in range(0, len(plans), max(1, number)):
        some = plans[start : start + max(1, number)]
        rows = Rows(first, tuple(draws[start : start + len(some)]))
        found += [replace(plan, row=rows.row(index)) if len(some) > 1 else plan for index, plan in enumerate(some)]
    return found


class Rows:
    """A search with a row for each of the draws, which begins when the first of its steps is asked for.

    The rows are read one after the other. A step is computed for all rows when one needs it, and waits for the others.
    """

    def __init__(self, plan: GenerationPlan, draws: tuple[Draw, ...]) -> None:
        self._plan, self._draws = plan, draws
        self._steps: Iterator[Any] | None = None
        self._waiting: list[deque[Step]] = [deque() for _ in draws]

    def row(self, number: int) -> Callable[[Cursor], Iterator[Step]]:
        """Makes the steps of a candidate, from its beginning."""
        return partial(self._read, number)

    def _read(self, number: int, cursor: Cursor) -> Iterator[Step]:
        """Raises AnswerEnded where a sampler ends the answer."""
        if self._steps is None:
            self._steps = search(cursor, self._plan, self._draws)
        waiting = self._waiting[number]
        while True:
            if not waiting:
                self._advance(self._steps, number)
            step = waiting.popleft()
            if step[0] == ENDED:
                raise AnswerEnded
            yield step

    def _advance(self, steps: Iterator[Any], first: int) -> None:
        """Compute a step, and keep it for the rows from `first` on."""
        try:
            tokens, state, outputs, memories = next(steps)
        except StopIteration:  # all rows have ended
            raise AnswerEnded from None
        for row in range(first, len(self._waiting)):
            own = map_leaves(lambda leaf, row=row: leaf[row : row + 1].copy(), state)
            self._waiting[row].append((int(tokens[row]), own, outputs[row : row + 1].copy(), memories[row]))
