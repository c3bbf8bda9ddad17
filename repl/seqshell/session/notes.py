"""The notes of plugins: JSON values by name, which belong to a place in the history of a session.

The notes in force are one immutable mapping. Each run of the timeline remembers the mapping that was in force when it
began, so going back finds it again, and a branch or a redo keeps its own. Nothing is done per token.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from seqshell.core.errors import UsageError

NoteTexts = Mapping[str, str]  # JSON by name
NO_NOTES: NoteTexts = MappingProxyType({})


@dataclass
class NoteHistory:
    """now: the notes in force. begun: by the first node of a run, those when it began; there is none for no notes."""

    now: NoteTexts = field(default_factory=lambda: NO_NOTES)
    begun: dict[int, NoteTexts] = field(default_factory=dict)

    def begin(self, first: int) -> None:
        """A run begins with the node `first`."""
        if self.now:
            self.begun[first] = self.now
        else:
            self.begun.pop(first, None)  # of a run that a KeyboardInterrupt has left without a node


class Notes(MutableMapping[str, Any]):
    """The notes at the current position of a session, by name.

    Reading gives a new value, so a change takes effect when it is assigned. history: returns that of the session.
    require_free: raises a UsageError while the notes must not change.
    """

    def __init__(self, history: Callable[[], NoteHistory], require_free: Callable[[], None]) -> None:
        self._history = history
        self._require_free = require_free

    def __getitem__(self, name: str) -> Any:
        return json.loads(self._history().now[name])

    def __setitem__(self, name: str, value: Any) -> None:
        if not isinstance(name, str):
            raise UsageError(f"the name of a note must be a text, not {name!r:.60}", code="type")
        try:
            text = json.dumps(value, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise UsageError(f"the note {name} must consist of JSON values: {error}", code="type") from None
        self._set({**self._history().now, name: text})

    def __delitem__(self, name: str) -> None:
        left = dict(self._history().now)
        del left[name]
        self._set(left)

    def __iter__(self) -> Iterator[str]:
        return iter(self._history().now)

    def __len__(self) -> int:
        return len(self._history().now)

    def __repr__(self) -> str:
        return repr(dict(self))

    def _set(self, texts: NoteTexts) -> None:
        self._require_free()
        self._history().now = MappingProxyType(texts)
