"""Another token in the place of one that was read: on a branch that starts there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from seqshell.core.errors import UsageError
from seqshell.core.events import Moved
from seqshell.session.branches import BranchState
from seqshell.session.navigation import Navigator


def fork(navigator: Navigator, position: int, ids: Sequence[int] = ()) -> Moved:
    """Start a branch at a position of the current one and read ids there, in the current turn.

    position: 0 to the current one. UsageError if it is outside. After an error nothing has changed.
    """
    cursor, timeline, here = navigator.cursor, navigator.cursor.timeline, navigator.cursor.here.node
    cursor.require_free()
    if not 0 <= position <= cursor.position:
        raise UsageError(f"position {position:,} is outside this branch, which is at {cursor.position:,}")
    node, place, was = timeline.ancestor(here, position), navigator.place(), cursor.position
    snapshot, branch = cursor.snapshot(node), branch_at(navigator, position)
    try:
        retry = navigator.retry if node == here else timeline.retry[timeline.run_of(node)]
        moved = navigator.switch(navigator.branches.add(branch), snapshot, retry)
        navigator.feed_whole(ids)
    except BaseException:
        navigator.return_to(place)
        raise
    return replace(moved, position=cursor.position, was=was)


def branch_at(navigator: Navigator, position: int) -> BranchState:
    """A new branch whose text leaves that of the current one at a position; it is not one of the branches yet."""
    parent, timeline, here = navigator.branches.current, navigator.cursor.timeline, navigator.cursor.here.node
    while parent.parent is not None and position <= parent.fork:
        parent = navigator.branches[parent.parent]
    notes = timeline.notes_at(timeline.ancestor(here, position), here)
    return BranchState(navigator.branches.free_name(), parent=parent.name, fork=position, notes=notes)
