"""The labels of a text that is being typed, read beside the session, which does not move."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from seqshell.core.errors import SeqshellError
from seqshell.session.tasks.behaviour import TaskBehaviour

MAX_TOKENS = 2000  # of the text; a longer one has no labels


class IncrementalLabels:
    """Labels a text again and again while it changes; each call steps over the new tokens only.

    States are never written to and decoder calls are pure, so it may run in its own thread, one call at a time.
    """

    def __init__(self, behaviour: TaskBehaviour) -> None:
        self._behaviour = behaviour
        self._decoder = behaviour.cursor.decoder  # with the interventions that are active
        self._ids: list[int] = []
        self._steps: list[tuple[Any, Any]] = []  # outputs [1, C] and the state after each of the ids

    def read(self, text: str, stopped: Callable[[], bool]) -> tuple[tuple[str, float], ...] | None:
        """The labels of a text with their probabilities, the most likely first.

        Empty if the model cannot read the text; None if `stopped` returns True before the end.
        """
        try:
            ids, _ = self._behaviour.read_text(text, "skip")
        except SeqshellError:
            return ()
        if not ids or len(ids) > MAX_TOKENS:
            return ()
        if (decoder := self._behaviour.cursor.decoder) is not self._decoder:
            self._decoder, self._ids, self._steps = decoder, [], []
        shorter = min(len(ids), len(self._ids))
        same = next((place for place in range(shorter) if ids[place] != self._ids[place]), shorter)
        del self._ids[same:], self._steps[same:]
        for token in ids[same:]:
            if stopped():
                return None
            state = self._steps[-1][1] if self._steps else self._decoder.initial_state(1)
            self._steps.append(self._decoder.step(np.array([token], np.int64), state))
            self._ids.append(token)
        return self._behaviour.probabilities(self._steps[-1][0][0])
