"""Several continuations beside each other: /branch, /checkout, /branches and /drop."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from seqshell.core.events import Branches, Event, Notice
from seqshell.core.plugin_api import Arguments, command
from seqshell.shell.commands.arguments import words
from seqshell.shell.commands.moves import moved_to
from seqshell.shell.commands.output_files import TABLE_OPTION, to_file

if TYPE_CHECKING:
    from seqshell.shell.shell import Shell


def branch_names(shell: Shell, text: str) -> Iterable[str]:
    """The names of the current session's branches."""
    return [] if " " in text.lstrip() else [branch.name for branch in shell.session.branches()]


def other_branches(shell: Shell, text: str) -> Iterable[str]:
    """The names of the branches but the current one."""
    return [name for name in branch_names(shell, text) if name != shell.session.branch]


@command("branch", usage="[NAME]", purpose="back")
def branch(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Start a branch at the current position; the state does not change, and the old branch stays where it is.

    >>> ROMEO:
    >>> /branch other
    >>> /continue 5
    >>> /checkout main
    """
    (name,) = words(arguments, branch, 0, 1) or (None,)
    yield moved_to(shell.session, shell.session.branch_off(name))


@command("checkout", usage="NAME", complete=branch_names, purpose="back")
def checkout(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Go to another branch; the state becomes the one at the end of that branch.

    >>> ROMEO:
    >>> /branch other
    >>> /checkout main
    """
    (name,) = words(arguments, checkout, 1, 1)
    yield moved_to(shell.session, shell.session.checkout(name))


@command("branches", usage="[-o FILE]", options=TABLE_OPTION, purpose="back")
def branches(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Show the tree of branches with their first words; the state does not change.

    >>> ROMEO:
    >>> /regen 2
    >>> /branches
    """
    words(arguments, branches, 0, 0)
    yield from to_file(shell, arguments, lambda: [Branches(shell.session.branches())])


@command("drop", usage="NAME", complete=other_branches, purpose="back")
def drop(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Delete a branch other than the current one; the state does not change.

    >>> /branch other
    >>> /checkout main
    >>> /drop other
    """
    (name,) = words(arguments, drop, 1, 1)
    shell.session.drop(name)
    if shell.interactive:
        yield Notice(f"{name} deleted")
