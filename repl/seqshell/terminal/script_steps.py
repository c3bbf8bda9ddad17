"""Splits a script into steps: comments are shown as prose; each other line is put into the prompt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from seqshell.core.events import Steps
from seqshell.shell import syntax


@dataclass(frozen=True)
class Step:
    """The paragraphs to show and the line to send; the last step may have no line."""

    prose: tuple[str, ...]
    line: str | None


def steps_of(steps: Steps) -> Iterator[Step]:
    """Yield the steps of a script, one for each line or block that is not a comment."""
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
