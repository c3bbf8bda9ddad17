"""Moving a session through its history: turns, undo and redo, positions, branches, and their draws."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from seqshell.core.errors import SeqshellError, UsageError
from seqshell.core.events import Branch, Moved
from seqshell.core.sampling import Draw
from seqshell.session import inspection
from seqshell.session.branches import Branches, BranchState
from seqshell.session.cursor import Cursor
from seqshell.session.given import Start, StateRecord
from seqshell.session.mark import Place
from seqshell.session.notes import NoteTexts
from seqshell.session.snapshot import Snapshot
from seqshell.session.timeline import Timeline


class Navigator:
    """Moves a cursor through its history. It alone owns the turn, the retry number, the seed and the branches.

    A turn is what undo and redo step over: all that is committed between two calls of begin_turn. If begin_turn is
    never called, a turn is what was fed and the answer to it. Every move computes the snapshot first: if that fails,
    nothing has moved.

    Draws are counted, not stored: the random number of a token is a hash of (seed, retry, position). So a position that
    is reached again draws the same token, two branches agree until their seed or retry number differs, and regenerate
    only has to choose a retry number that no answer at this point has used.

    stands_alone(timeline, node): True if the text up to a node does not continue what was before its root.
    """

    def __init__(self, cursor: Cursor, stands_alone: Callable[[Timeline, int], bool], seed: int) -> None:
        self.cursor = cursor
        self.branches = Branches()
        self.line = ""  # what the user typed to begin this turn
        self.turn = 0
        self._stands_alone = stands_alone
        self._has_lines = False  # begin_turn is in use
        self._is_answered = False  # without begin_turn: what is read next begins a turn
        self.set_seed(seed)

    def resume(self, branches: Branches, seed: int, retry: int, turn: int) -> None:
        """Continue from what was saved."""
        self.branches, self.seed, self.retry, self.turn = branches, seed, retry, turn
        self._is_answered = True

    def set_seed(self, seed: int) -> None:
        """Draw with another seed from now on; the state is kept."""
        self.cursor.require_free()
        if not 0 <= seed < 2**64:
            raise UsageError(f"the seed must be 0 to {2**64 - 1}, not {seed}")
        self.seed, self.retry = int(seed), 0

    @property
    def draw(self) -> Draw:
        """The seed and the retry number."""
        return Draw(self.seed, self.retry)

    # Turns, and reading in them

    def begin_turn(self, line: str = "") -> None:
        """What is committed from now on, until the next call, is one turn. line: what the user typed."""
        self.cursor.require_free()
        self.line = line
        self.cursor.interrupted = False
        self._has_lines = True
        self.turn += 1

    def use_turn(self, *, answers: bool) -> int:
        """The turn that the next commit belongs to.

        Without begin_turn, whatever follows an answer or a move begins a turn.
        """
        self.cursor.require_free()
        if not self._has_lines and self._is_answered:
            self.turn += 1
        self._is_answered = answers
        return self.turn

    def end_turn(self) -> None:
        """An answer was given that commits nothing: without begin_turn, whatever follows begins a turn."""
        self._is_answered = True

    def forget_interrupt(self) -> None:
        """Without begin_turn, ignore an interrupt that came while nothing was running."""
        if not self._has_lines:
            self.cursor.interrupted = False

    def feed(self, ids: Sequence[int]) -> int:
        """Read ids in the current turn; returns how many were read: fewer after an interrupt."""
        return max(self.reading(ids), default=0)

    def feed_whole(self, ids: Sequence[int]) -> int:
        """The same, but an interrupt before all ids were read is an error; nothing has changed then."""
        before = self.cursor.here
        if (number := self.feed(ids)) < len(ids):
            self.cursor.here = before
            raise interrupted()
        return number

    def reading(self, ids: Sequence[int]) -> Iterator[int]:
        """The same as `feed`, step by step: yields after each how many were read."""
        model, ids = self.cursor.model, list(map(int, ids))
        if ids and not 0 <= min(ids) <= max(ids) < model.tokenizer.size:
            raise UsageError(f"token ids must be 0 to {model.tokenizer.size - 1}")
        require_causal(self.cursor)
        self.forget_interrupt()
        return self.cursor.feed(ids, self.use_turn(answers=False), self.draw)

    def restart(self, ids: Sequence[int] = (), start: Start = None, *, whole: bool = False) -> None:
        """Go to a new root and read ids, in one turn. After an error nothing has changed.

        start: what the root has besides the initial state. whole: an interrupt before all ids were read is an error.
        """
        before, was = self.cursor.here, (self.turn, self.retry, self._is_answered)
        try:
            if max(self.restarting(ids, start), default=0) < len(ids) and whole:
                raise interrupted()
        except BaseException:
            self.cursor.here = before
            self.turn, self.retry, self._is_answered = was
            raise

    def restarting(self, ids: Sequence[int] = (), start: Start = None) -> Iterator[int]:
        """The same, step by step: yields after each how many ids were read. If the model fails, nothing has moved."""
        cursor, before = self.cursor, self.cursor.here
        self.forget_interrupt()
        self._is_answered = True
        turn, draw = self.use_turn(answers=True), Draw(self.seed, 0)
        try:
            cursor.add_root(before.node, turn, draw, start)
            yield from cursor.feed(list(ids), turn, draw)
        except SeqshellError:
            cursor.here = before
            raise
        finally:
            if cursor.here is not before:
                self.go_to(cursor.here, 0)

    def reseed(self, ids: Sequence[int]) -> Moved:
        """Restart with these ids, unless there is nothing to leave and nothing to read."""
        cursor, was = self.cursor, self.cursor.position
        if ids or not cursor.is_new or cursor.timeline.source(cursor.here.node) is not None:
            self.restart(ids)
        return self.restarted(was)

    def give(self, record: StateRecord) -> Moved:
        """Continue from a state that the user gave, in one turn."""
        require_causal(self.cursor)
        was = self.cursor.position
        self.restart(start=record)
        return self._moved(was, 0, "/undo goes back")

    def restarted(self, was: int) -> Moved:
        """The move from a position to the new root, from which the text here was read."""
        return self._moved(was, was, "/undo restores them" if was else "")

    # Undo and redo

    def undo(self, turns: int = 1) -> Moved:
        """Go back to before the last turns. UsageError if there are fewer."""
        nodes = [self.cursor.here.node]
        while len(nodes) <= turns:
            before = self.cursor.timeline.before_turn(nodes[-1])
            if before < 0:
                done = len(nodes) - 1
                some = f"only {done} {'turn' if done == 1 else 'turns'} can be undone"
                raise UsageError(some if done else "nothing to undo")
            nodes.append(before)
        return self._go_back(nodes)

    def undo_tokens(self, number: int = 1) -> Moved:
        """Go back by a number of tokens."""
        position = self.cursor.position
        if not 0 <= number <= position:
            raise UsageError(f"cannot undo {number} tokens: {position} were read")
        return self.rewind(position - number)

    def rewind(self, position: int) -> Moved:
        """Go back to a position: 0 to the current one, or -N for N tokens back."""
        target = position if position >= 0 else self.cursor.position + position
        if not 0 <= target <= self.cursor.position:
            raise UsageError(f"position {position} is outside this branch, which is at {self.cursor.position}")
        return self._go_back([self.cursor.here.node, self.cursor.timeline.ancestor(self.cursor.here.node, target)])

    def redo(self, turns: int = 1) -> Moved:
        """Restore what the last undos or rewinds removed. UsageError if something was read since then."""
        returns = self.branches.current.returns
        start = node = self.cursor.here.node
        retry, left, notes = self.retry, len(returns), self.cursor.timeline.notes.now
        for done in range(turns):
            if not left or returns[left - 1].left != node:
                raise UsageError(f"only {done} can be redone" if done else "nothing to redo")
            left -= 1
            node, retry, notes = returns[left].node, returns[left].retry, returns[left].notes
        snapshot, was = self.cursor.snapshot(node), self.cursor.position
        del returns[left:]
        self.go_to(snapshot, retry, notes)
        position, timeline = self.cursor.position, self.cursor.timeline
        if timeline.root(node) != timeline.root(start) and self._stands_alone(timeline, node):
            return self._moved(was, -position, "/undo removes it again")
        return self._moved(was, was - position, f"/rewind {was} goes back" if position > was else "/undo restores them")

    def _go_back(self, nodes: list[int]) -> Moved:
        """Go along the nodes, the current one first; each stretch between two of them can be redone."""
        was, timeline = self.cursor.position, self.cursor.timeline
        if nodes[-1] == nodes[0]:
            return self._moved(was)
        snapshot = self.cursor.snapshot(nodes[-1])
        retry, notes = self.retry, timeline.notes.now
        for left, reached in pairwise(nodes):
            self.branches.current.remember_return(left, retry, reached, notes)
            retry, notes = timeline.retry[timeline.run_of(reached)], timeline.notes_at(reached, nodes[0])
        self.go_to(snapshot, retry, notes)
        redo = "/redo" if len(nodes) == 2 else f"/redo {len(nodes) - 1}"
        removed = was - self.cursor.position
        if self._stands_alone(timeline, nodes[0]) and timeline.root(nodes[0]) != timeline.root(nodes[-1]):
            removed = was  # the whole text: the one gone back to is another
        effect = "restores them" if removed > 0 else "removes them again" if removed else "restores it"
        return self._moved(was, removed, f"{redo} {effect}")

    # Branches

    @property
    def branch(self) -> str:
        """The name of the current branch."""
        return self.branches.current.name

    def branch_off(self, name: str | None = None) -> Moved:
        """Start a branch at the current position and switch to it."""
        self.cursor.require_free()
        left = self.branches.current
        notes = self.cursor.timeline.notes.now
        branch = BranchState(
            name or self.branches.free_name(), parent=left.name, fork=self.cursor.position, notes=notes
        )
        return self.switch(self.branches.add(branch), self.cursor.here, self.retry)

    def checkout(self, name: str) -> Moved:
        """Switch to another branch, where it was left."""
        branch = self.branches[name]
        if branch is self.branches.current:
            return self._moved(self.cursor.position)
        return self.switch(branch, self.cursor.snapshot(branch.node), branch.retry)

    def drop(self, name: str) -> None:
        """Remove a branch other than the current one."""
        self.cursor.require_free()
        self.branches.drop(name)

    def listed(self) -> tuple[Branch, ...]:
        """All branches as events show them, parents before children."""
        self.keep_place()
        return tuple(map(self._listed, self.branches.in_tree_order()))

    def _listed(self, branch: BranchState) -> Branch:
        words = inspection.first_words(self.cursor, branch.node, branch.fork)
        position, is_current = self.cursor.timeline.depth(branch.node), branch is self.branches.current
        return Branch(branch.name, position, is_current, words, branch.parent, branch.fork)

    def node(self, branch: str | None = None) -> int:
        """The node of a branch, by default of the current one."""
        self.keep_place()
        return self.branches[branch].node if branch else self.cursor.here.node

    # Marks

    def place(self) -> Place:
        """Where it is, with the branches, for `return_to`."""
        notes = self.cursor.timeline.notes.now
        return Place(self.cursor.here, self.seed, self.retry, self._is_answered, self.branches.copy(), notes)

    def return_to(self, place: Place) -> None:
        """Be again as at a place."""
        self.cursor.here, self.seed, self.retry, self._is_answered = place.here, place.seed, place.retry, place.answered
        self.branches, self.cursor.timeline.notes.now = place.branches.copy(), place.notes

    # The steps that moves are made of

    def keep_place(self) -> None:
        """Note in the current branch where it is."""
        current = self.branches.current
        current.node, current.retry, current.notes = self.cursor.here.node, self.retry, self.cursor.timeline.notes.now

    def go_to(self, snapshot: Snapshot, retry: int, notes: NoteTexts | None = None) -> None:
        """Make a snapshot the current one. notes: those that belong to it; None: those in force."""
        self.cursor.require_free()
        self.cursor.here, self.retry, self._is_answered = snapshot, retry, True
        if notes is not None:
            self.cursor.timeline.notes.now = notes

    def switch(self, branch: BranchState, snapshot: Snapshot, retry: int) -> Moved:
        """Make a branch the current one, at a snapshot."""
        self.cursor.require_free()
        was, left = self.cursor.position, self.branch
        self.keep_place()
        self.branches.current = branch
        self.go_to(snapshot, retry, branch.notes)
        return self._moved(was, 0, f"/checkout {left} goes back")

    def _moved(self, was: int, removed: int = 0, undo_path: str = "") -> Moved:
        given = self.cursor.timeline.given(self.cursor.here.node)
        state = given.name if given is not None else ""
        place, names = (self.cursor.position, was, self.branch), tuple(each.name for each in self.cursor.interventions)
        return Moved(*place, removed=removed, undo_path=undo_path, state=state, interventions=names)


def interrupted() -> UsageError:
    """The error of a reading that an interrupt ended."""
    return UsageError("interrupted before the text was read", code="interrupt")


def require_causal(cursor: Cursor) -> None:
    """UsageError for a model that reads whole texts only: it has no state to continue from."""
    if not cursor.model.causal:
        raise UsageError(f"{cursor.model.name} reads whole texts and cannot continue from a state")
