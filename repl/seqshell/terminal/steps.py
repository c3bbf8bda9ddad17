"""A script taken line by line: its comments are prose for the reader, each other line waits in the prompt for Enter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from seqshell import lines
from seqshell.events import Steps


@dataclass(frozen=True)
class Step:
    """What to read, then what to send; the last step may have no line."""

    prose: tuple[str, ...]
    line: str | None


def taken(steps: Steps) -> Iterator[Step]:
    """The script of a Steps event, one step for each line that is no comment."""
    prose: list[str] = []
    for numbered in lines.joined_blocks(steps.lines):
        text = numbered.text
        if text.startswith("/#"):
            prose.append(text.removeprefix("/#").strip())
        elif text:
            yield Step(tuple(prose), text)
            prose = []
    if prose:
        yield Step(tuple(prose), None)
