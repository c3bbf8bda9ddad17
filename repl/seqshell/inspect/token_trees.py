"""The tree of the likeliest tokens: at each place the fewest that cover a share of the probability."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import UsageError
from seqshell.core.events import TokenTree, TreeNode
from seqshell.core.state import State
from seqshell.decoding.probabilities import log_probs
from seqshell.inspect.alternatives import text_before
from seqshell.session import Session
from seqshell.session.inspection import token_name

MAX_NODES = 100  # of a tree; unlikely parts of a larger one are shallow


@dataclass
class _Place:
    """A token while the tree grows. path: its log-probability with those before it."""

    token: int
    log_prob: float
    path: float
    depth: int
    children: list[_Place] = field(default_factory=list)
    rest: float = 1.0


class TreeSearch:
    """The tree after the current position. `steps` grows it, the likeliest parts first; `found` is the tree."""

    def __init__(self, session: Session, depth: int, top_p: float, max_nodes: int = MAX_NODES) -> None:
        session.behaviour.require_next_token()
        self._session, self._cursor = session, session.behaviour.cursor
        self._depth, self._top_p, self._max_nodes = depth, top_p, max_nodes
        tokenizer = session.model.tokenizer
        self._ends = {tokenizer.pad, tokenizer.bos, tokenizer.eos}
        self._root = _Place(-1, 0.0, 0.0, 0)
        self._open: list[tuple[float, int, _Place, State]] = []  # a heap: (-path, number, place, the state before it)
        self._numbers = count()
        self.num_nodes = 0

    def steps(self) -> Iterator[None]:
        """Grow the tree. UsageError if it is interrupted."""
        cursor = self._cursor
        self._grow(self._root, cursor.outputs(), cursor.here.state)
        while self._open and self.num_nodes < self._max_nodes:
            _, _, place, state = heapq.heappop(self._open)
            rows, after = cursor.decoder.step(np.array([place.token], np.int64), state)
            self._grow(place, rows[0], after)
            yield
            if cursor.interrupted:
                raise UsageError("interrupted before the tree was complete", code="interrupt")

    def found(self) -> TokenTree:
        """The tree so far."""
        position = self._session.position
        nodes = tuple(map(self._node, self._root.children))
        before, is_cut = text_before(self._session, position), bool(self._open)
        return TokenTree(position, before, self._depth, self._top_p, nodes, self._root.rest, is_cut)

    def _grow(self, place: _Place, outputs: NDArray[np.floating], state: State) -> None:
        """Add the likeliest tokens after a place."""
        logs = log_probs(outputs)
        order = np.argsort(-logs, kind="stable")
        covered = np.exp(logs[order]).cumsum()
        number = min(int(covered.searchsorted(self._top_p)) + 1, int(np.isfinite(logs).sum()))
        place.rest = max(0.0, 1.0 - float(covered[number - 1]))
        for token in order[:number].tolist():
            child = _Place(token, float(logs[token]), place.path + float(logs[token]), place.depth + 1)
            place.children.append(child)
            if child.depth < self._depth and token not in self._ends:
                heapq.heappush(self._open, (-child.path, next(self._numbers), child, state))
        self.num_nodes += number

    def _node(self, place: _Place) -> TreeNode:
        name, piece = token_name(self._cursor, place.token), self._cursor.token_text.piece(place.token)
        return TreeNode(place.token, name, place.log_prob, tuple(map(self._node, place.children)), place.rest, piece)
