"""What commands that read a text without answering it say about its unknown parts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from seqshell.core.events import Data, Event, Notice
from seqshell.core.text_output import unknown_note


def unknown_events(parts: Sequence[str]) -> Iterator[Event]:
    """A note that names the parts of a text that the model cannot read, and the field `unknown` in JSON."""
    if parts:
        yield Notice(unknown_note(parts))
        yield Data({"unknown": list(parts)})
