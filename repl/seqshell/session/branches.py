"""The branches of a session: named positions, each with its own redo history."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from seqshell.core.errors import CheckpointError, UsageError
from seqshell.core.names import check_name, unknown_name
from seqshell.core.text_output import quoted
from seqshell.session.notes import NO_NOTES, NoteTexts


@dataclass(frozen=True)
class Return:
    """One redo: from the node `left`, to which an undo went, forward to `node` with its retry number and notes."""

    left: int
    node: int
    retry: int
    notes: NoteTexts = field(default_factory=lambda: NO_NOTES)


@dataclass
class BranchState:
    """Where a branch is and where it came from. node, retry and notes of the current one are updated when it is left.

    parent, fork: the parent branch and the position where this one left it. point, turn: if it holds a candidate, the
    node before that answer and the answer's turn; else point is -1.
    """

    name: str
    node: int = 0
    retry: int = 0
    parent: str | None = None
    fork: int = 0
    point: int = -1
    turn: int = 0
    returns: list[Return] = field(default_factory=list)
    notes: NoteTexts = field(default_factory=lambda: NO_NOTES)

    def remember_return(self, node: int, retry: int, target: int, notes: NoteTexts) -> None:
        """Let redo go from `target` back to `node`.

        Redos that do not start at `node` can no longer be reached: forget them.
        """
        while self.returns and self.returns[-1].left != node:
            self.returns.pop()
        self.returns.append(Return(target, node, retry, notes))


class Branches:
    """All branches by name, in the order in which they were made; one is current."""

    def __init__(self) -> None:
        self._branches = {"main": BranchState("main")}
        self.current = self._branches["main"]

    @classmethod
    def rebuilt(cls, found: list[BranchState], current: str) -> Branches:
        """Branches read from a file. CheckpointError if their parents are not a tree."""
        branches = cls()
        branches._branches = {}
        names = {branch.name for branch in found}
        for branch in found:
            if branch.parent is not None and branch.parent not in names:
                raise CheckpointError(f"the parent of branch {quoted(branch.name)} is missing")
            branches.add(branch)
        if len(branches.in_tree_order()) != len(found):
            raise CheckpointError("branches are each other's parents")
        branches.current = branches[current]
        return branches

    def copy(self) -> Branches:
        """The same branches as objects of their own."""
        copied = Branches()
        copied._branches = {branch.name: replace(branch, returns=[*branch.returns]) for branch in self}
        copied.current = copied._branches[self.current.name]
        return copied

    def __iter__(self) -> Iterator[BranchState]:
        return iter(self._branches.values())

    def __len__(self) -> int:
        return len(self._branches)

    def __getitem__(self, name: str) -> BranchState:
        """The branch of a name. UsageError lists the branches if there is none."""
        if name not in self._branches:
            raise unknown_name("branch", name, self._branches)
        return self._branches[name]

    def add(self, branch: BranchState) -> BranchState:
        """Add a branch. UsageError if its name is taken or invalid."""
        check_name(branch.name)
        if branch.name in self._branches:
            raise UsageError(f"branch {branch.name} already exists; /checkout {branch.name} switches to it")
        self._branches[branch.name] = branch
        return branch

    def free_name(self) -> str:
        """The first name of main.2, main.3, ... (after the current branch's name) that is free."""
        stem = re.sub(r"\.[0-9]+$", "", self.current.name)[:56]
        number = 2
        while f"{stem}.{number}" in self._branches:
            number += 1
        return f"{stem}.{number}"

    def drop(self, name: str) -> None:
        """Remove a branch by name. UsageError if it is the current one."""
        dropped = self[name]
        if dropped is self.current:
            raise UsageError(f"{name} is the current branch; /checkout another one first")
        self.remove(dropped)

    def remove(self, branch: BranchState) -> None:
        """Remove a branch; its children become children of its parent."""
        del self._branches[branch.name]
        for child in self._branches.values():
            if child.parent == branch.name:
                child.parent, child.fork = branch.parent, min(child.fork, branch.fork)

    def in_tree_order(self) -> list[BranchState]:
        """Parents before children, children in the order in which they were made."""
        children: dict[str | None, list[BranchState]] = {}
        for branch in self._branches.values():
            children.setdefault(branch.parent, []).append(branch)
        ordered, waiting = [], list(reversed(children.get(None, [])))
        while waiting:
            ordered.append(waiting.pop())
            waiting.extend(reversed(children.get(ordered[-1].name, [])))
        return ordered

    def candidates(self) -> list[BranchState]:
        """The branches that hold answers from the same point as the current one's. UsageError if there is no other."""
        found = [branch for branch in self._branches.values() if branch.point == self.current.point >= 0]
        if len(found) < 2:
            raise UsageError("no other candidate here; /regen generates some")
        return found
