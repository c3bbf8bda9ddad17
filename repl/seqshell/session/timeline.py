"""Every token that a session ever committed: where it stands, how it was read, and the way from one moment to another.

A node is a moment: what it was before plus one token. Nodes are numbers, counted from 0 in the order of committing, and are kept for
ever. Those that one call committed, one after the other, form a run; only the id is stored for each node, everything else once
for its run. Finding the run of a node takes a binary search among the runs; finding an earlier moment, one step where nobody went back
in between, else steps in the logarithm of the number of runs. Neither depends on the number of tokens, and nothing recurses.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from seqshell.core.sampling import Draw

STRIDE = 32  # feeds are cut where the position is a multiple of it, so that no moment is further than this from a kept snapshot
UNCUT = 1 << 62  # the stride where a text must be read at once


class Read(IntEnum):
    """How the tokens of a run were read. FOUND: a strategy that does not stream gave them with the states it had passed."""

    ROOT = 0
    FED = 1
    DRAWN = 2
    FOUND = 3


@dataclass(frozen=True)
class Node:
    """One moment, for those who look at it. depth: how many tokens were read; turn: the line of the user that it belongs to.

    start: for a token that was fed, the depth from which one call of the model read it together with others, else depth - 1.
    """

    id: int
    parent: int
    depth: int
    turn: int
    read: Read
    start: int
    draw: Draw


@dataclass(frozen=True)
class Call:
    """One call of the model that led to `node`: feed the ids, or step over the only one, from the moment `before`."""

    node: int
    before: int
    ids: list[int]
    read: Read


@dataclass(frozen=True)
class Source:
    """What a translation is of. ids: of the text, with EOS; prefix: the ids that its answers were told to begin with."""

    text: str
    ids: tuple[int, ...]
    prefix: tuple[int, ...] = ()


class Timeline:
    """All nodes and runs of a session. The root of a reset is a node of its own, whose parent is the moment before the reset.

    stride: where feeds are cut, STRIDE or, for a model that must read a text at once, UNCUT.
    sources: of the roots that translations begin with; at such a root the source and BOS were read, and depths count target tokens.
    words: the texts of tokens that their pieces do not tell: the words that stand for an unknown one.

    ids[node] is its token, -1 for a root. For each run: first node, parent (the node before its first, -1 for the first root),
    base (depth of the parent; -1 for a root), turn, read, seed, retry, made (tokens that the model made, before the run), and
    above, level, jump: the run of the parent, how many runs are above, and a far run above (the jump pointers of Myers 1983,
    https://doi.org/10.1016/0020-0190(83)90106-0), so that any run above is found in few steps; straight: the first of the runs that led
    here without going back. Their nodes follow each other as their depths do, so that one subtraction finds any moment among them.
    """

    def __init__(self, stride: int = STRIDE) -> None:
        self.stride = stride
        self.ids = array("i")
        self.first, self.parent, self.base = array("q"), array("q"), array("q")
        self.turn, self.read, self.made = array("q"), array("b"), array("q")
        self.seed, self.retry = array("Q"), array("Q")
        self.above, self.level, self.jump, self.straight = array("q"), array("q"), array("q"), array("q")
        self.sources: dict[int, Source] = {}  # by node
        self.words: dict[int, str] = {}  # by node

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def num_runs(self) -> int:
        return len(self.first)

    # Growing

    def begin_root(self, parent: int, turn: int, draw: Draw, source: Source | None = None) -> int:
        """A moment at which nothing but a source was read; parent: the node that is left for it, -1 at the very start. Returns the node."""
        run = self.num_runs
        self._begin(parent, -1, turn, Read.ROOT, draw, 0, run, 0, run, run)
        root = self.append(-1)
        if source is not None:
            self.sources[root] = source
        return root

    def begin(self, parent: int, turn: int, read: Read, draw: Draw) -> None:
        """A run of at least one node, which `append` or `extend` must add at once."""
        above = self.run_of(parent)
        made = self.made[above]
        if self.read[above] in (Read.DRAWN, Read.FOUND):
            made += parent - self.first[above] + 1
        jump = self.jump[above]
        level = self.level[above]
        even = level - self.level[jump] == self.level[jump] - self.level[self.jump[jump]]
        straight = self.straight[above] if parent == len(self.ids) - 1 else self.num_runs
        self._begin(
            parent,
            self.depth(parent),
            turn,
            read,
            draw,
            made,
            above,
            level + 1,
            self.jump[jump] if even else above,
            straight,
        )

    def _begin(self, parent: int, base: int, turn: int, read: Read, draw: Draw, *place: int) -> None:
        """place: made, above, level, jump, straight. A run is there once its first node is noted: KeyboardInterrupt before that leaves nothing."""
        columns = (
            self.parent,
            self.base,
            self.turn,
            self.read,
            self.seed,
            self.retry,
            self.made,
            self.above,
            self.level,
            self.jump,
            self.straight,
        )
        for column, value in zip(columns, (parent, base, turn, read, draw.seed, draw.retry, *place), strict=True):
            del column[self.num_runs :]
            column.append(value)
        self.first.append(len(self.ids))

    def append(self, token: int) -> int:
        """Add a node to the last run and return it."""
        self.ids.append(token)
        return len(self.ids) - 1

    def extend(self, tokens: list[int]) -> int:
        """Add nodes to the last run and return the last of them."""
        self.ids.extend(tokens)
        return len(self.ids) - 1

    # Looking

    def run_of(self, node: int) -> int:
        """The run that the node belongs to."""
        return bisect_right(self.first, node) - 1

    def depth(self, node: int) -> int:
        """How many tokens were read at this moment."""
        run = self.run_of(node)
        return self.base[run] + 1 + node - self.first[run]

    def made_by_model(self, node: int) -> int:
        """How many of these tokens the model made."""
        run = self.run_of(node)
        return self.made[run] + (node - self.first[run] + 1 if self.read[run] in (Read.DRAWN, Read.FOUND) else 0)

    def node(self, number: int) -> Node:
        """All that is known of a node."""
        run = self.run_of(number)
        depth = self.depth(number)
        start = self._start(run, depth) if self.read[run] == Read.FED else depth - 1
        draw = Draw(self.seed[run], self.retry[run])
        return Node(self.ids[number], self.before(number), depth, self.turn[run], Read(self.read[run]), start, draw)

    def before(self, node: int) -> int:
        """The parent."""
        run = self.run_of(node)
        return self.parent[run] if node == self.first[run] else node - 1

    def ancestor(self, node: int, depth: int) -> int:
        """The moment on the way to `node` at which `depth` tokens were read; 0 <= depth <= depth(node)."""
        run = self._run_at(self.straight[self.run_of(node)], depth)
        return self.first[run] + depth - self.base[run] - 1

    def _run_at(self, run: int, depth: int) -> int:
        """The run above (or this one) that has a node at `depth` on the way to the given run."""
        base = self.base
        while base[run] >= depth:
            jump = self.jump[run]
            run = jump if base[jump] >= depth else self.above[run]
        return run

    def root(self, node: int) -> int:
        """Where the way to the node begins."""
        return self.ancestor(node, 0)

    def source(self, node: int) -> Source | None:
        """What the node is a translation of; None in a text that is none."""
        return self.sources.get(self.root(node)) if self.sources else None

    def stretches(self, node: int, start: int = 0) -> list[tuple[int, int, int]]:
        """(run, first node, last node) of every run on the way from depth `start` to `node`, oldest first; roots are left out."""
        found = []
        run = self.run_of(node)
        while self.base[run] >= 0 and self.base[run] + 1 + node - self.first[run] > start:
            found.append((run, self.first[run] + max(0, start - self.base[run]), node))
            node, run = self.parent[run], self.above[run]
        found.reverse()
        return found

    def ids_to(self, node: int, start: int = 0) -> list[int]:
        """The ids read from depth `start` to `node`."""
        ids: list[int] = []
        for _, first, last in self.stretches(node, start):
            ids.extend(self.ids[first : last + 1])
        return ids

    def call_to(self, node: int) -> Call:
        """The call of the model that leads to the node, so that the same call computes the same state again."""
        run = self.run_of(node)
        if self.read[run] != Read.FED:
            return Call(node, self.before(node), [self.ids[node]], Read(self.read[run]))
        depth = self.depth(node)
        first = self.first[run] + self._start(run, depth) - self.base[run]
        return Call(node, self.before(first), self.ids[first : node + 1].tolist(), Read.FED)

    def _start(self, run: int, depth: int) -> int:
        """The depth before the piece of a feed that holds the token at `depth`."""
        return max(self.base[run], (depth - 1) // self.stride * self.stride)

    # Turns and answers

    def before_turn(self, node: int) -> int:
        """The moment before the turn to which the node belongs; -1 when that is the very start."""
        run = self.run_of(node)
        turn = self.turn[run]
        while (parent := self.parent[run]) >= 0:
            run = self.run_of(parent)
            if self.turn[run] != turn:
                return parent
        return -1

    def last_answer(self, node: int) -> int:
        """The run of the last answer on the way to the node; -1 when the model has not answered since the root."""
        run = self.run_of(node)
        while self.read[run] == Read.FED:
            run = self.above[run]
        return -1 if self.read[run] == Read.ROOT else run

    def retries_at(self, node: int) -> set[int]:
        """The retry numbers of the children of a node."""
        used = {self.retry[run] for run in self._runs_after(node)}
        run = self.run_of(node)
        if node + 1 < len(self.ids) and self.run_of(node + 1) == run:
            used.add(self.retry[run])
        return used

    def _runs_after(self, node: int) -> Iterator[int]:
        return (run for run, parent in enumerate(self.parent) if parent == node and self.read[run] != Read.ROOT)
