"""A script taken line by line: its comments are prose for the reader, each other line waits in the prompt for Enter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from seqshell.core.events import Steps
from seqshell.shell import syntax


@dataclass(frozen=True)
class Step:
    """What to read, in paragraphs, then what to send; the last step may have no line."""

    prose: tuple[str, ...]
    line: str | None


def steps_of(steps: Steps) -> Iterator[Step]:
    """The script of a Steps event, one step for each line that is no comment."""
    prose: list[list[str]] = [[]]
    for numbered in syntax.joined_blocks(steps.lines):
        text = numbered.text
        if text.startswith("/#"):
            words = text.removeprefix("/#").split()
            prose.append([]) if not words else prose[-1].extend(words)
        elif text:
            yield Step(_paragraphs(prose), text)
            prose = [[]]
    if _paragraphs(prose):
        yield Step(_paragraphs(prose), None)


def _paragraphs(prose: list[list[str]]) -> tuple[str, ...]:
    return tuple(" ".join(words) for words in prose if words)
