"""Choosing tokens with keys: /pick at the end of the text, and /explore, which looks at any place of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from seqshell.core.errors import UsageError
from seqshell.core.events import ByHand, Event, Moved
from seqshell.core.limits import MAX_TOKENS
from seqshell.core.plugin_api import Arguments, command
from seqshell.core.tasks import Task
from seqshell.shell.commands.arguments import whole_number, words
from seqshell.shell.commands.moves import moved_to

if TYPE_CHECKING:
    from seqshell.shell.shell import Shell

MOST_PICKS = 1000  # numbers in one /pick


def pick_words(shell: Shell, text: str) -> Mapping[str, str]:
    """The numbers of the likeliest tokens here; of later ones, nothing is known yet."""
    if " " in text.lstrip():
        return {}
    from seqshell.inspect.alternatives import alternatives

    found = alternatives(shell.session, shell.session.position, 9)
    return {"0": "the model's choice", **{str(each.rank): repr(each.text) for each in found.choices}}


@command("pick", usage="[N ...]", tasks={Task.GENERATE}, complete=pick_words, purpose="choosing")
def pick(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Choose each next token yourself; the state moves forward over them, and one /undo removes all of them.

    In a terminal, the keys 1 to 9 take a token, Enter takes the model's choice, drawn with the sampler chain, Backspace
    takes the last one back, and Escape ends. With numbers, /pick takes the tokens of these ranks, one after the other;
    0 is the model's choice. This also works in scripts.

        >>> /feed ROM
        >>> /pick 2 1 0
        >>> /undo
    """
    from seqshell.inspect import picking

    found = words(arguments, pick, 0, MOST_PICKS)
    numbers = [whole_number(word, "the number of a token", 0, MAX_TOKENS) for word in found]
    shell.session.behaviour.navigator.forget_interrupt()
    if numbers:
        yield picking.pick(shell.session, numbers)
        return
    _require_terminal(shell, "/pick 1 3 2 takes the tokens of these ranks")
    picker = picking.Picker(shell.session)
    yield ByHand(picker)
    if picker.picks:
        yield picker.picked()


@command("explore", tasks={Task.GENERATE}, purpose="choosing")
def explore(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Look at each place of the text and what else was likely there, on the full screen; looking keeps the state.

    Left and Right go from token to token, Up and Down select one of those that were likely, and Right follows it to the
    branch that took it. A digit takes a token, on a new branch unless the text ends there; Space starts a branch with
    the selected one. u takes the last choice back, q quits, and you continue from the end of the branch on the screen.
    It needs a terminal.

        >>> /feed ROMEO:
        >>> /explore
    """
    words(arguments, explore, 0, 0)
    _require_terminal(shell, "/alt, /tree and /pick N show and take the same tokens")
    from seqshell.inspect.exploring import Explorer

    session = shell.session
    before, was = (session.here.node, session.branch), session.position
    yield ByHand(Explorer(session))
    if (session.here.node, session.branch) != before:
        yield moved_to(session, Moved(session.position, was, session.branch, undo_path="/branches shows the others"))


def _require_terminal(shell: Shell, instead: str) -> None:
    if not shell.interactive:
        raise UsageError("choosing with keys needs a terminal", hint=instead, code="no_terminal")
