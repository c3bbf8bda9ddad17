"""Every token that a session ever committed: its place, how it was read, and the path from one position to another.

A node is a position in the history: its parent plus one token. Nodes are numbered from 0 in the order of committing and
are never deleted. The nodes that one call committed form a run: consecutive numbers, consecutive depths, one turn and
one draw. Only the token id is stored per node; everything else is stored once per run.

Finding the run of a node is a binary search. Finding an ancestor is one subtraction if nobody went back in between,
else O(log runs) steps. Neither depends on the number of tokens, and nothing recurses.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from seqshell.core.row_times import RowTimes
from seqshell.core.sampling import Draw
from seqshell.session.answer_options import NO_OPTIONS, AnswerOptions
from seqshell.session.given import Given, TranslationSource
from seqshell.session.interventions import Interventions
from seqshell.session.notes import NO_NOTES, NoteHistory, NoteTexts

# Feeds are split where the position is a multiple of the stride, so that at most STRIDE tokens are read again to go
# back.
STRIDE = 32
UNSPLIT = 1 << 62  # the stride of a model that must read a text at once


class Read(IntEnum):
    """How the tokens of a run were read. FOUND: a search returned them together with their states.

    CHANGED: the run is one node without a token, at which the user changed the state or the interventions.
    """

    ROOT = 0
    FED = 1
    DRAWN = 2
    FOUND = 3
    CHANGED = 4


READ_BY_MODEL = Read.DRAWN, Read.FOUND


@dataclass(frozen=True)
class Call:
    """The model call that led to `node` from the node `before`: feed the ids, or step over the only one."""

    node: int
    before: int
    ids: list[int]
    read: Read


class Timeline:
    """All nodes and runs of a session. A reset adds another root, whose parent is the node before the reset.

    stride: where feeds are split: STRIDE, or UNSPLIT for a model that must read a text at once. sources: by root, the
    source of its translations. At such a root, the source and BOS were read; depths count target tokens. givens: by
    root, where a state that the user gave is from; it cannot be computed again. unknown_words: by node, the word that
    an unknown token stands for, where its own text does not say so. options: by the first node of an answer, those
    that it was given, if any; if it has no token, by ~N, where N is the node before it. row_times: by the first node of
    a table, the times of its rows. notes: those of plugins.

    ids[node] is the token of a node, -1 for a root or a change. The columns have one entry per run: first (node),
    parent (the node before `first`, -1 for the first root), base (depth of the parent, -1 for a root), turn, read,
    seed, retry, generated (tokens that the model generated before the run), active (the interventions at its nodes:
    those at its parent, unless it is a change), and the links that find ancestors:

    above: the run of the parent. level: the number of runs above. jump: a run far above (Myers 1983, "An applicative
    random-access stack", https://doi.org/10.1016/0020-0190(83)90106-0). straight: the first of the runs that led here
    without going back. Between `straight` and the node, node numbers grow as depths do, so that a subtraction finds any
    ancestor among them. A change has the depth of the node before it, and so begins one.
    """

    def __init__(self, stride: int = STRIDE) -> None:
        self.stride = stride
        self.ids = array("i")
        self.first, self.parent, self.base = array("q"), array("q"), array("q")
        self.turn, self.read, self.generated = array("q"), array("b"), array("q")
        self.seed, self.retry = array("Q"), array("Q")
        self.active: list[Interventions] = []
        self.above, self.level, self.jump, self.straight = array("q"), array("q"), array("q"), array("q")
        self.sources: dict[int, TranslationSource] = {}
        self.givens: dict[int, Given] = {}
        self.unknown_words: dict[int, str] = {}
        self.options: dict[int, AnswerOptions] = {}
        self.row_times: dict[int, RowTimes] = {}
        self.notes = NoteHistory()

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def num_runs(self) -> int:
        return len(self.first)

    @property
    def num_tokens(self) -> int:
        """The number of tokens that were ever committed: nodes that are neither roots nor changes."""
        return len(self.ids) - self.read.count(Read.ROOT) - self.read.count(Read.CHANGED)

    # Growing

    def add_root(
        self, parent: int, turn: int, draw: Draw, source: TranslationSource | None = None, given: Given | None = None
    ) -> int:
        """Add a node at which nothing but a source was read; parent: the node that is left, -1 at first.

        given: where its state is from, if the user gave it. Returns the node.
        """
        run = self.num_runs
        self._begin(parent, -1, turn, Read.ROOT, draw, self.active_at(parent), 0, run, 0, run, run)
        root = self.append(-1)
        if source is not None:
            self.sources[root] = source
        if given is not None:
            self.givens[root] = given
        return root

    def begin_run(self, parent: int, turn: int, read: Read, draw: Draw) -> None:
        """Begin a run after a node. The caller must add its first node at once, by `append` or `extend`."""
        self._begin_below(parent, self.depth(parent), turn, read, draw, self.active_at(parent))

    def add_change(self, parent: int, turn: int, draw: Draw, active: Interventions) -> int:
        """Add a node after another at which no token was read, but from which on these interventions are active."""
        self._begin_below(parent, self.depth(parent) - 1, turn, Read.CHANGED, draw, active)
        return self.append(-1)

    def _begin_below(self, parent: int, base: int, turn: int, read: Read, draw: Draw, active: Interventions) -> None:
        above = self.run_of(parent)
        generated = self.generated[above]
        if self.read[above] in READ_BY_MODEL:
            generated += parent - self.first[above] + 1
        # Myers' rule: if the last two jumps span the same number of levels, jump over both, else to the parent run. The
        # spans are then those of a skew binary number, and any ancestor run is reached in O(log level) jumps and single
        # steps.
        jump, level = self.jump[above], self.level[above]
        same_span = level - self.level[jump] == self.level[jump] - self.level[self.jump[jump]]
        target = self.jump[jump] if same_span else above
        is_straight = parent == len(self.ids) - 1 and read != Read.CHANGED
        straight = self.straight[above] if is_straight else self.num_runs
        self._begin(parent, base, turn, read, draw, active, generated, above, level + 1, target, straight)

    def _begin(
        self, parent: int, base: int, turn: int, read: Read, draw: Draw, active: Interventions, *place: int
    ) -> None:
        """place: generated, above, level, jump, straight.

        `first` is written last: a KeyboardInterrupt before that leaves no run, and the next call overwrites the other
        columns.
        """
        columns = [self.parent, self.base, self.turn, self.read, self.seed, self.retry]
        columns += [self.generated, self.above, self.level, self.jump, self.straight]
        for column, value in zip(columns, (parent, base, turn, read, draw.seed, draw.retry, *place), strict=True):
            del column[self.num_runs :]
            column.append(value)
        self.active[self.num_runs :] = [active]
        self.notes.begin(len(self.ids))
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
        """The run of a node."""
        return bisect_right(self.first, node) - 1

    def depth(self, node: int) -> int:
        """The number of tokens that were read up to the node."""
        run = self.run_of(node)
        return self.base[run] + 1 + node - self.first[run]

    def num_generated(self, node: int) -> int:
        """How many of the tokens up to the node the model generated."""
        run = self.run_of(node)
        return self.generated[run] + (node - self.first[run] + 1 if self.read[run] in READ_BY_MODEL else 0)

    def before(self, node: int) -> int:
        """The parent of a node."""
        run = self.run_of(node)
        return self.parent[run] if node == self.first[run] else node - 1

    def ancestor(self, node: int, depth: int) -> int:
        """The last node on the path to `node` at which `depth` tokens were read; 0 <= depth <= depth(node)."""
        run = self._run_at(self.straight[self.run_of(node)], depth)
        return self.first[run] + depth - self.base[run] - 1

    def _run_at(self, run: int, depth: int) -> int:
        """The run on the path to `run` (or itself) that has a node at `depth`."""
        base = self.base
        while base[run] >= depth:
            jump = self.jump[run]
            run = jump if base[jump] >= depth else self.above[run]
        return run

    def root(self, node: int) -> int:
        """The root of the path to the node."""
        return self.unchanged(self.ancestor(node, 0))

    def unchanged(self, node: int) -> int:
        """The last token, or the root, on the path to the node: the node itself unless it is a change."""
        while self.read[run := self.run_of(node)] == Read.CHANGED:
            node = self.parent[run]
        return node

    def active_at(self, node: int) -> Interventions:
        """The interventions that are active at a node; none before the first root, at -1."""
        return self.active[self.run_of(node)] if node >= 0 else ()

    def source(self, node: int) -> TranslationSource | None:
        """The source that the node is a translation of, if any."""
        return self.sources.get(self.root(node)) if self.sources else None

    def given(self, node: int) -> Given | None:
        """Where the state at the root of the path to the node is from, if the user gave it."""
        return self.givens.get(self.root(node)) if self.givens else None

    def is_encoding(self, node: int) -> bool:
        """True if the node is a root whose state is computed again from its source."""
        return node in self.sources and node not in self.givens

    def runs_to(self, node: int, start: int = 0) -> list[tuple[int, int, int]]:
        """(run, first node, last node) of each run on the path from depth `start` to `node`, oldest first.

        Neither roots nor changes.
        """
        found = []
        run = self.run_of(node)
        while self.base[run] >= 0 and self.base[run] + 1 + node - self.first[run] > start:
            if self.read[run] != Read.CHANGED:
                found.append((run, self.first[run] + max(0, start - self.base[run]), node))
            node, run = self.parent[run], self.above[run]
        found.reverse()
        return found

    def nodes_to(self, node: int) -> list[int]:
        """Every node with a token on the path to `node`, oldest first."""
        return [number for _, first, last in self.runs_to(node) for number in range(first, last + 1)]

    def ids_to(self, node: int, start: int = 0) -> list[int]:
        """The token ids from depth `start` to `node`."""
        ids: list[int] = []
        for _, first, last in self.runs_to(node, start):
            ids.extend(self.ids[first : last + 1])
        return ids

    def call_to(self, node: int) -> Call:
        """The model call that led to the node; the same call computes the same state again, to the last bit."""
        run = self.run_of(node)
        if self.read[run] != Read.FED:
            return Call(node, self.before(node), [self.ids[node]], Read(self.read[run]))
        depth = self.depth(node)
        start = max(self.base[run], (depth - 1) // self.stride * self.stride)  # the depth at which that call began
        first = self.first[run] + start - self.base[run]
        return Call(node, self.before(first), self.ids[first : node + 1].tolist(), Read.FED)

    # Turns and answers

    def before_turn(self, node: int) -> int:
        """The last node before the node's turn; -1 if that turn is the first."""
        run = self.run_of(node)
        turn = self.turn[run]
        while (parent := self.parent[run]) >= 0:
            run = self.run_of(parent)
            if self.turn[run] != turn:
                return parent
        return -1

    def last_answer(self, node: int) -> int:
        """The run of the last answer on the path to the node; -1 if the model has not answered since the root."""
        run = self.run_of(node)
        while self.read[run] in (Read.FED, Read.CHANGED):
            run = self.above[run]
        return -1 if self.read[run] == Read.ROOT else run

    def options_after(self, point: int, node: int) -> AnswerOptions:
        """The options that the answer after `point`, on the path to `node`, was given."""
        depth = self.depth(point)
        first = self.unchanged(self.ancestor(node, depth + 1)) if self.depth(node) > depth else ~node
        return self.options.get(first, NO_OPTIONS)

    def notes_at(self, target: int, node: int) -> NoteTexts:
        """The notes at `target`, on the path to the current node `node`: as they were when the path went on."""
        if target == node:
            return self.notes.now
        if not self.notes.begun:
            return NO_NOTES
        run, of_target = self.run_of(node), self.run_of(target)
        while run != of_target and self.parent[run] != target:
            run = self.run_of(self.parent[run])
        return self.notes.begun.get(self.first[run], NO_NOTES)

    def retries_at(self, node: int) -> set[int]:
        """The retry numbers of the children of a node."""
        used = {self.retry[run] for run in self._runs_after(node)}
        run = self.run_of(node)
        if node + 1 < len(self.ids) and self.run_of(node + 1) == run:
            used.add(self.retry[run])
        return used

    def _runs_after(self, node: int) -> Iterator[int]:
        return (run for run, parent in enumerate(self.parent) if parent == node and self.read[run] != Read.ROOT)
