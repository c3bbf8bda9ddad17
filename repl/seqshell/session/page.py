"""A whole session as a page: its model, its branches, and the text of each, what the user wrote in bold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from seqshell.core.events import Branches
from seqshell.core.pictures.page import Block, Grid, Heading, Note, Page, Passage, Piece, Scale
from seqshell.core.text_output import cell, counted
from seqshell.session import inspection
from seqshell.session.cursor import Cursor
from seqshell.session.navigation import Navigator
from seqshell.session.timeline import Read

Part = tuple[int, int, int]  # a run, and its first and last node that are shown


@dataclass(frozen=True)
class TokenColours:
    """The values of tokens, by node, on a scale."""

    values: Mapping[int, float]
    scale: Scale


def session_page(
    cursor: Cursor,
    navigator: Navigator,
    drops_separator: bool,
    settings: Sequence[Any],
    colours: TokenColours | None = None,
) -> Page:
    """The page of a session. Each token is shown once, in the branch that read it first; so it takes linear time.

    drops_separator: as for `inspection.text_of`. settings: rows of a table, with the names of its columns first.
    """
    timeline, model = cursor.timeline, cursor.model
    branches = navigator.listed()
    current = next(branch for branch in branches if branch.current)
    facts = {
        "model": model.name,
        "architecture": model.architecture,
        "task": str(model.task),
        "fingerprint": model.fingerprint,
        "position": current.position,
        "branch": current.name,
        "seed": navigator.seed,
        **({"interventions": ", ".join(each.name for each in cursor.interventions)} if cursor.interventions else {}),
        "tokens in all branches": timeline.num_tokens,
    }
    blocks: list[Block] = [Grid(("", ""), tuple((name, cell(value)) for name, value in facts.items()))]
    if len(branches) > 1:
        blocks += Branches(branches).as_page().blocks
    blocks.append(Note("What you wrote is bold. Beside the mouse: the turn, and who wrote it."))
    shown: dict[int, int] = {}  # the last node of each run that is shown
    for branch in branches:
        parts = _new_parts(cursor, navigator.branches[branch.name].node, shown)
        start = f"from {branch.parent} at {branch.fork:,} · " if branch.parent is not None else ""
        here = " · you are here" if branch.current else ""
        blocks.append(Heading(branch.name, f"{start}position {branch.position:,}{here}"))
        found = _blocks(cursor, parts, colours, continues=branch.parent is not None, drops_separator=drops_separator)
        blocks += (
            replace(each, scale=colours.scale) if colours and isinstance(each, Passage) else each for each in found
        )
    if settings:
        blocks += [Heading("Settings"), Grid(tuple(settings[0]), tuple(settings[1:]))]
    number = "1 branch" if len(branches) == 1 else f"{len(branches):,} branches"
    return Page(tuple(blocks), f"A session with {model.name}", f"{counted(timeline.num_tokens)} in {number}")


def _new_parts(cursor: Cursor, node: int, shown: dict[int, int]) -> list[Part]:
    """What led to a node, through resets too, without what is shown already; oldest first."""
    timeline, parts = cursor.timeline, []
    while node >= 0:
        run = timeline.run_of(node)
        first, last = timeline.first[run], shown.get(run, -1)
        if node > last:
            parts.append((run, max(first, last + 1), node))
            shown[run] = node
        if last >= first:
            break
        node = timeline.parent[run]
    return parts[::-1]


def _blocks(
    cursor: Cursor, parts: Sequence[Part], colours: TokenColours | None, *, continues: bool, drops_separator: bool
) -> Iterator[Block]:
    """The passages of a branch, and what its texts begin with."""
    timeline, pieces, tail = cursor.timeline, [], b""
    at_start = not continues
    if continues and parts:
        pieces.append(Piece("… "))
    for run, first, last in parts:
        if timeline.read[run] in (Read.ROOT, Read.CHANGED):
            if pieces:
                yield Passage(tuple(pieces))
            if note := _start(cursor, first) if timeline.read[run] == Read.ROOT else _change(cursor, first):
                yield Note(note)
            pieces = []
            if timeline.read[run] == Read.ROOT:
                tail, at_start = b"", True
            continue
        if timeline.read[run] == Read.CHANGED:
            if pieces:
                yield Passage(tuple(pieces))
            pieces, at_start = [], False
            yield Note(f"from here on: {', '.join(each.name for each in timeline.active[run]) or 'no interventions'}")
            continue
        for start, end in [(first, last)] if colours is None else ((node, node) for node in range(first, last + 1)):
            text, tail = inspection.text_of_run(cursor, start, end, tail)
            if at_start and drops_separator and text.startswith(inspection.SEPARATORS):
                text = text[1:]
            at_start = at_start and not text
            if text:
                value = None if colours is None else colours.values.get(end)
                pieces.append(Piece(text, value, _note(cursor, run, first), timeline.read[run] == Read.FED))
    if pieces:
        yield Passage(tuple(pieces))
    elif len(parts) < 2:
        yield Note("nothing yet" if parts else "all of it is in another branch")


def _start(cursor: Cursor, root: int) -> str:
    """What a text begins with: a source, a state, or nothing."""
    timeline = cursor.timeline
    if (given := timeline.givens.get(root)) is not None:
        return f"from the state of {given.name}"
    if (source := timeline.sources.get(root)) is not None:
        return f"translation of: {source.text}"
    return "from the initial state" if root else ""


def _change(cursor: Cursor, node: int) -> str:
    """The interventions that are active from a node on, at which they, or the state, were changed."""
    timeline = cursor.timeline
    active = timeline.active_at(node)
    if active == timeline.active_at(timeline.before(node)):
        return "the state was changed here"
    return f"from here on: {', '.join(each.name for each in active) or 'no interventions'}"


def _note(cursor: Cursor, run: int, first: int) -> str:
    """The turn of a run and who wrote it; of an answer, its seed and the options that it was given."""
    timeline = cursor.timeline
    turn = f"turn {timeline.turn[run]}"
    if timeline.read[run] == Read.FED:
        return f"{turn} · you"
    retry = f", retry {timeline.retry[run]}" if timeline.retry[run] else ""
    options: Mapping[str, Any] = timeline.options[first].settings if first in timeline.options else {}
    return " · ".join(
        [turn, cursor.model.name, f"seed {timeline.seed[run]}{retry}", *(f"{name}={options[name]}" for name in options)]
    )
