"""The branches of a session: names for moments, each with its own way back and forth."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from seqshell.core.errors import UsageError
from seqshell.core.names import check_name, unknown_name


@dataclass(frozen=True)
class Return:
    """A way to go forward again: from a node, where it was left, back to another with its retry number."""

    left: int
    node: int
    retry: int


@dataclass
class Branch:
    """Where a branch stands (kept up to date only while another one is current), and what it came from.

    parent, fork: the branch and the position where it left it. point, turn: the node before the answer of which it holds a candidate (-1:
    none), and the turn of that answer.
    """

    name: str
    node: int = 0
    retry: int = 0
    parent: str | None = None
    fork: int = 0
    point: int = -1
    turn: int = 0
    returns: list[Return] = field(default_factory=list)

    def leave(self, node: int, retry: int, goes_to: int) -> None:
        """Remember the way back from `goes_to` to a moment; ways from where the branch does not stand any more are forgotten."""
        while self.returns and self.returns[-1].left != node:
            self.returns.pop()
        self.returns.append(Return(goes_to, node, retry))


class Branches:
    """All branches by name, in the order in which they were made; one is current."""

    def __init__(self) -> None:
        self._branches = {"main": Branch("main")}
        self.current = self._branches["main"]

    @classmethod
    def rebuilt(cls, found: list[Branch], current: str) -> Branches:
        """Saved branches. ValueError when they do not hang together."""
        branches = cls()
        branches._branches = {}
        names = {branch.name for branch in found}
        for branch in found:
            if branch.parent is not None and branch.parent not in names:
                raise ValueError(f"{branch.name!r} left a branch that is not there")
            branches.add(branch)
        if len(branches.in_tree_order()) != len(found):
            raise ValueError("branches left each other")
        branches.current = branches[current]
        return branches

    def __iter__(self) -> Iterator[Branch]:
        return iter(self._branches.values())

    def __len__(self) -> int:
        return len(self._branches)

    def __getitem__(self, name: str) -> Branch:
        """The branch of a name; UsageError lists the ones there are."""
        if name not in self._branches:
            raise unknown_name("branch", name, self._branches)
        return self._branches[name]

    def add(self, branch: Branch) -> Branch:
        """A new branch; UsageError for a name that is taken or cannot be one."""
        check_name(branch.name)
        if branch.name in self._branches:
            raise UsageError(f"there is a branch {branch.name} already; /checkout {branch.name} goes there")
        self._branches[branch.name] = branch
        return branch

    def free_name(self) -> str:
        """The next of main.2, main.3, ... (of the current branch's first name) that is free."""
        stem = re.sub(r"\.[0-9]+$", "", self.current.name)[:56]
        number = 2
        while f"{stem}.{number}" in self._branches:
            number += 1
        return f"{stem}.{number}"

    def drop(self, name: str) -> None:
        """Forget a branch; its children hang from its parent then. UsageError for the current one."""
        dropped = self[name]
        if dropped is self.current:
            raise UsageError(f"you stand on {name}; /checkout another branch first")
        self.remove(dropped)

    def remove(self, branch: Branch) -> None:
        """Forget a branch, whichever it is."""
        del self._branches[branch.name]
        for child in self._branches.values():
            if child.parent == branch.name:
                child.parent, child.fork = branch.parent, min(child.fork, branch.fork)

    def in_tree_order(self) -> list[Branch]:
        """Parents before children, children after one another as they were made."""
        children: dict[str | None, list[Branch]] = {}
        for branch in self._branches.values():
            children.setdefault(branch.parent, []).append(branch)
        ordered, open_ = [], list(reversed(children.get(None, [])))
        while open_:
            ordered.append(open_.pop())
            open_.extend(reversed(children.get(ordered[-1].name, [])))
        return ordered

    def candidates(self) -> list[Branch]:
        """The branches with answers from the same point as the current one's; UsageError when there is no other."""
        found = [branch for branch in self._branches.values() if branch.point == self.current.point >= 0]
        if len(found) < 2:
            raise UsageError("there is no other candidate here; /regen makes some")
        return found
