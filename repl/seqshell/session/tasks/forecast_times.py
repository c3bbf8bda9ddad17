"""The times of the rows of a series: those of the last table on this branch."""

from __future__ import annotations

from seqshell.core.row_times import RowTimes
from seqshell.session.cursor import Cursor


def add_times(cursor: Cursor, start: int, times: RowTimes | None) -> None:
    """Remember the times of the rows that were read from a position on, if they are known."""
    if times is not None and start < cursor.position:
        timeline = cursor.timeline
        timeline.row_times[timeline.ancestor(cursor.here.node, start + 1)] = times


def times_of(cursor: Cursor, start: int, end: int) -> tuple[tuple[str, ...], str]:
    """The times of the rows from start to end, by the last table in this branch, and their name."""
    timeline, node = cursor.timeline, cursor.here.node
    for first, times in reversed(timeline.row_times.items()):
        before = timeline.depth(first) - 1
        if before < cursor.position and timeline.ancestor(node, before + 1) == first:
            return tuple(times.at(row - before) for row in range(start, end)), times.name
    return (), ""
