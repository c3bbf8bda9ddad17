"""What always holds for a session: its parts agree, and it equals recomputing everything from the start."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.state import named_leaves
from seqshell.session import Session
from seqshell.session.cursor import Cursor
from seqshell.session.token_text import TokenText


def broken_invariant(session: Session) -> str | None:
    """Name the first invariant that does not hold; None if all do."""
    branches = session.branches()
    names = [branch.name for branch in branches]
    if [branch.name for branch in branches if branch.current] != [session.branch] or len({*names}) != len(names):
        return f"the current branch is {session.branch} of {names}"
    for index, branch in enumerate(branches):
        if branch.parent is not None and branch.parent not in names[:index]:
            return f"the parent of branch {branch.name} is {branch.parent}"
        ids = session.ids(branch.name)
        if branch.position != len(ids):
            return f"branch {branch.name} is at {branch.position} and has {len(ids)} tokens"
        if (problem := _broken_text(session, branch.name, ids)) is not None:
            return problem
    if session.position != len(session.ids()) or len(session.token_texts()) != session.position:
        return f"the position is {session.position} after {len(session.ids())} tokens"
    return _broken_state(session)


def _broken_text(session: Session, branch: str, ids: list[int]) -> str | None:
    """Compare the text of a branch with that of its tokens."""
    text = session.text(branch)
    if not all(0 <= start <= end <= len(text.text) for start, end in text.spans):
        return f"the spans of branch {branch} are {text.spans} in a text of {len(text.text)} characters"
    cursor = session.behaviour.cursor
    if cursor.timeline.unknown_words:  # they are not in the tokens
        return None
    expected = TokenText(session.model.tokenizer).text(ids).rstrip("\ufffd")  # an incomplete character is not shown
    shown = text.text.rstrip("\ufffd")
    if shown != expected and not (session.behaviour.drops_separator and shown == expected[1:]):
        return f"the text of branch {branch} is {shown[:80]!r}, that of its tokens {expected[:80]!r}"
    return None


def _broken_state(session: Session) -> str | None:
    """Compare the current outputs and state with those of the same calls from the start, to the last bit."""
    cursor = session.behaviour.cursor
    outputs, state = _recomputed(cursor)
    assert cursor.here.outputs is not None
    if not np.array_equal(outputs, cursor.here.outputs, equal_nan=True):
        return f"the outputs at {session.position} are not those of a replay"
    pairs = zip(named_leaves(state), named_leaves(cursor.here.state), strict=True)
    if not all(name == other and np.array_equal(leaf, kept, equal_nan=True) for (name, leaf), (other, kept) in pairs):
        return f"the state at {session.position} is not that of a replay"
    return None


def _recomputed(cursor: Cursor) -> tuple[NDArray[Any], Any]:
    node, timeline = cursor.here.node, cursor.timeline
    calls, root = [], timeline.root(node)
    while node != root:
        calls.append(timeline.call_to(node))
        node = calls[-1].before
    source = timeline.source(root)
    if source is None:
        outputs, state = cursor.no_outputs(), cursor.decoder.initial_state(1)
    else:
        outputs, state = cursor.decoder.begin(source.ids)
    for call in reversed(calls):
        outputs, state = cursor.decoder.read(call.ids, call.read, state)
    return outputs, state
