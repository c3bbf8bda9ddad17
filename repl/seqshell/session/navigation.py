"""Where a session stands in time, and how it moves: back and forth by turns and tokens, from branch to branch."""

from __future__ import annotations

from itertools import pairwise

from seqshell.core.errors import UsageError
from seqshell.core.events import Branch as BranchShown
from seqshell.core.events import Moved
from seqshell.core.model import Model, Task
from seqshell.core.sampling import Draw
from seqshell.session import inspection
from seqshell.session.branches import Branch, Branches
from seqshell.session.cursor import Live
from seqshell.session.snapshots import Snapshot


class Movable:
    """A live moment that can be moved to any other: what Session is but for reading and answering.

    What is committed between two calls of begin_turn is one turn for undo and redo. Where begin_turn is never called, a turn is what
    was fed and the answer to it. Every move computes the moment first: when that fails, nothing has moved.
    """

    def __init__(self, model: Model, seed: int, budget: float) -> None:
        self.model = model
        self.live = Live(model, budget)
        self.line = ""  # what the user typed to begin this turn
        self._branches = Branches()
        self._seed = self._retry = self._turn = 0
        self._has_lines = self._is_answered = False
        self.set_seed(seed)

    @property
    def here(self) -> Snapshot:
        """The live moment."""
        return self.live.here

    @property
    def position(self) -> int:
        """How many tokens the state has read."""
        return self.live.position

    @property
    def branch(self) -> str:
        """The name of the current branch."""
        return self._branches.current.name

    @property
    def seed(self) -> int:
        """The random seed."""
        return self._seed

    @property
    def retry(self) -> int:
        """Which of the draws of this seed is in use here: 0, or a number that regenerate gave."""
        return self._retry

    @property
    def tail(self) -> str:
        """The last two lines of the text."""
        return inspection.last_lines(self.live, self.here.node)

    def set_seed(self, seed: int) -> None:
        """Draw by another seed from here on; the state is kept."""
        if not 0 <= seed < 2**64:
            raise UsageError(f"the seed must be 0 to {2**64 - 1}, not {seed}")
        self._seed, self._retry = seed, 0

    def begin_turn(self, line: str = "") -> None:
        """What is committed from now on, until the next call, is one turn. line: what the user typed."""
        self.line = line
        self.live.interrupted = False
        self._has_lines = True
        self._turn += 1

    def interrupt(self) -> None:
        """Stop what runs at the next token. Safe in a signal handler and from another thread."""
        self.live.interrupted = True

    # Back and forth

    def undo(self, turns: int = 1) -> Moved:
        """Go back to before the last turns. UsageError when there are fewer."""
        nodes = [self.here.node]
        while len(nodes) <= turns:
            before = self.live.timeline.before_turn(nodes[-1])
            if before < 0:
                done = len(nodes) - 1
                raise UsageError(
                    f"only {done} {'turn' if done == 1 else 'turns'} can be taken back"
                    if done
                    else "there is nothing to take back"
                )
            nodes.append(before)
        return self._back(nodes)

    def undo_tokens(self, number: int = 1) -> Moved:
        """Go back by tokens."""
        if not 0 <= number <= self.position:
            raise UsageError(f"{number} tokens cannot be taken back: {self.position} were read")
        return self.rewind(self.position - number)

    def rewind(self, position: int) -> Moved:
        """Go back to a position, 0 to where it stands, or, where it is negative, so many tokens back."""
        target = position if position >= 0 else self.position + position
        if not 0 <= target <= self.position:
            raise UsageError(f"{position} is outside of this branch, which stands at {self.position}")
        return self._back([self.here.node, self.live.timeline.ancestor(self.here.node, target)])

    def rewind_to(self, text: str) -> Moved:
        """Go back to just after the last occurrence of a text. UsageError when there is none."""
        return self.rewind(inspection.find_last(self.live, text))

    def redo(self, turns: int = 1) -> Moved:
        """Bring again what the last undo or rewind took back, so many times. UsageError when something was read since then."""
        returns = self._branches.current.returns
        start = node = self.here.node
        retry, left = self._retry, len(returns)
        for done in range(turns):
            if not left or returns[left - 1].left != node:
                raise UsageError(f"only {done} can be brought again" if done else "there is nothing to bring again")
            left -= 1
            node, retry = returns[left].node, returns[left].retry
        snapshot, was = self.live.moment(node), self.position
        del returns[left:]
        self._stand(snapshot, retry)
        if self.live.timeline.root(node) != self.live.timeline.root(start) and self._stands_alone(node):
            return self._moved(was, -self.position, "/undo takes it back again")
        forward = self.position > was
        return self._moved(
            was, was - self.position, f"/rewind {was} goes back" if forward else "/undo brings them again"
        )

    # Branches

    def branch_off(self, name: str | None = None) -> Moved:
        """Name this moment and go on there; without a name it is called main.2, main.3, ..."""
        left = self._branches.current
        branch = self._branches.add(Branch(name or self._branches.free_name(), parent=left.name, fork=self.position))
        return self._switch(branch, self.here, self._retry)

    def checkout(self, name: str) -> Moved:
        """Go to where another branch stands."""
        branch = self._branches[name]
        if branch is self._branches.current:
            return self._moved(self.position)
        return self._switch(branch, self.live.moment(branch.node), branch.retry)

    def drop(self, name: str) -> None:
        """Forget a branch that is not the current one."""
        self._branches.drop(name)

    def branches(self) -> tuple[BranchShown, ...]:
        """All branches, parents before children."""
        self._keep_place()
        depth = self.live.timeline.depth
        return tuple(
            BranchShown(
                branch.name,
                depth(branch.node),
                branch is self._branches.current,
                inspection.first_words(self.live, branch.node, branch.fork),
                branch.parent,
                branch.fork,
            )
            for branch in self._branches.in_tree_order()
        )

    def candidates(self) -> tuple[str, ...]:
        """The branches with the answers that regenerate made here, the current one among them; UsageError when there is no other."""
        return tuple(branch.name for branch in self._branches.candidates())

    def next_candidate(self, step: int = 1) -> Moved:
        """Go to the next of the answers that regenerate made here (step=-1: the previous), and from the last to the first."""
        found = self._branches.candidates()
        return self.checkout(found[(found.index(self._branches.current) + step) % len(found)].name)

    # Inside

    @property
    def _draw(self) -> Draw:
        return Draw(self._seed, self._retry)

    def _take_turn(self, answers: bool) -> None:
        """Where nobody calls begin_turn, what follows an answer or a move begins a turn."""
        if not self._has_lines and self._is_answered:
            self._turn += 1
        self._is_answered = answers

    def _keep_place(self) -> None:
        self._branches.current.node, self._branches.current.retry = self.here.node, self._retry

    def _stand(self, snapshot: Snapshot, retry: int) -> None:
        self.live.here, self._retry, self._is_answered = snapshot, retry, True

    def _switch(self, branch: Branch, snapshot: Snapshot, retry: int) -> Moved:
        was, left = self.position, self.branch
        self._keep_place()
        self._branches.current = branch
        self._stand(snapshot, retry)
        return self._moved(was, 0, f"/checkout {left} goes back")

    def _back(self, nodes: list[int]) -> Moved:
        """Along the nodes, from the live one; a redo for each stretch."""
        was, timeline = self.position, self.live.timeline
        if nodes[-1] == nodes[0]:
            return self._moved(was)
        snapshot = self.live.moment(nodes[-1])
        retry = self._retry
        for left, reached in pairwise(nodes):
            self._branches.current.leave(left, retry, reached)
            retry = timeline.retry[timeline.run_of(reached)]
        self._stand(snapshot, retry)
        redo = "/redo" if len(nodes) == 2 else f"/redo {len(nodes) - 1}"
        removed = was - self.position
        if self._stands_alone(nodes[0]) and timeline.root(nodes[0]) != timeline.root(nodes[-1]):
            removed = was  # the whole translation, or the whole text that was labelled
        return self._moved(was, removed, f"{redo} {'brings them again' if removed > 0 else 'forgets them again'}")

    def _stands_alone(self, node: int) -> bool:
        """Whether the text up to the node goes on with nothing that was before its root."""
        return self.model.task is Task.CLASSIFY or self.live.timeline.source(node) is not None

    def _moved(self, was: int, removed: int = 0, way_back: str = "") -> Moved:
        return Moved(self.position, was, self.branch, removed=removed, way_back=way_back)
