"""The turns of a dialogue as one source text: the last messages and answers, then the message to answer."""

from __future__ import annotations

from collections.abc import Sequence

BETWEEN = " / "  # two turns


def with_turns(earlier: Sequence[str], message: str, number: int) -> str:
    """The message after the last `number` of the earlier turns, oldest first; each in one line, empty ones left out."""
    kept = earlier[max(0, len(earlier) - number) :]
    return BETWEEN.join(filter(None, (" ".join(turn.split()) for turn in (*kept, message))))


def turns_of(source: str) -> tuple[str, ...]:
    """The turns of a source text, oldest first."""
    return tuple(source.split(BETWEEN))
