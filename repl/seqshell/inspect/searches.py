"""The search for the last answer, made again to see all its hypotheses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from seqshell.core.errors import UsageError
from seqshell.core.events import BeamNode, Beams
from seqshell.core.plugin_guard import Guard, owner_of
from seqshell.core.sampling import Batch, Request
from seqshell.core.search_tree import SearchNode
from seqshell.decoding.features import with_features
from seqshell.decoding.syntax import format_strategy
from seqshell.session import Session
from seqshell.session.answer_options import AnswerOptions
from seqshell.session.generation import InterruptibleDecoder


def search_tree(session: Session, defaults: AnswerOptions) -> Beams:
    """The hypotheses of the search for the last answer. The session does not move.

    UsageError if there is no answer, or if its strategy is no search that shows them.
    """
    behaviour, cursor = session.behaviour, session.behaviour.cursor
    point, _ = behaviour.last_answer()
    timeline = cursor.timeline
    plan = behaviour.plan(timeline.options_after(point, cursor.here.node), defaults)
    strategy = plan.strategy
    tree: Callable[..., Any] | None = getattr(strategy, "tree", None)
    if tree is None:
        raise UsageError(
            f"{strategy.name} keeps no hypotheses beside its answer; /strategy beam does", code="no_search"
        )
    start = cursor.snapshot(point)
    assert start.outputs is not None
    ids = timeline.ids_to(point)
    memories = ((None,) * len(plan.samplers),)
    generated = timeline.num_generated(point)
    batch = Batch(start.state, start.outputs, (ids,), memories, (len(ids),), (generated,))
    request = Request(
        plan.stop,
        plan.samplers,
        session.behaviour.navigator.draw,
        plan.num_best,
        plan.prefix,
        session.model.tokenizer,
        plan.excluded,
        copying=plan.copying,
        open=plan.open,
    )
    owner = owner_of(type(strategy))
    guard = Guard(f"the strategy {strategy.name}{owner.suffix}", owner)
    behaviour.navigator.forget_interrupt()
    found = guard.call(tree, with_features(InterruptibleDecoder(cursor)), batch, request)
    answer = timeline.ids_to(cursor.here.node)[len(ids) :]
    return Beams(format_strategy(strategy), tuple(_beam(session, node, answer) for node in found))


def _beam(session: Session, node: SearchNode, answer: list[int] | None) -> BeamNode:
    """The node with those after it, as long as each is the only one and no answer ends there; answer: what is left of
    the answer at this place, None elsewhere.
    """
    ids: list[int] = []
    answer = _after(answer, node)
    ids.append(node.token)
    while len(node.children) == 1 and not node.scores:
        (node,) = node.children
        answer = _after(answer, node)
        ids.append(node.token)
    text = b"".join(map(session.model.tokenizer.piece, ids)).decode("utf-8", "replace")
    children = tuple(_beam(session, child, answer) for child in node.children)
    score = max(node.scores, default=None)
    return BeamNode(tuple(ids), text, node.log_prob, children, score, node.best, answer is not None)


def _after(answer: list[int] | None, node: SearchNode) -> list[int] | None:
    return answer[1:] if answer and answer[0] == node.token else None
