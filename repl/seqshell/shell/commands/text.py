"""Feeding and generating text: /feed, /continue, /reseed and /text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from seqshell.core.events import Event, Notice
from seqshell.core.limits import MAX_TOKENS
from seqshell.core.plugin_api import Arguments, command
from seqshell.core.tasks import Task
from seqshell.core.view_files import view_place, write_view
from seqshell.shell.commands.arguments import whole_number, words
from seqshell.shell.commands.moves import moved_to
from seqshell.shell.commands.output_files import PICTURE_OPTION, origin, written
from seqshell.shell.commands.unknown import unknown_events

if TYPE_CHECKING:
    from seqshell.shell.shell import Shell


@command("feed", usage="TEXT|@FILE", tasks={Task.GENERATE, Task.FORECAST}, free_text=True, purpose="text")
def feed(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Read a text without answering; the state moves forward over it.

    The text is read verbatim. In quotes it is a JSON string, in which \\n is a newline; @FILE reads a whole file, and
    unpacks it if it ends in .gz. A forecaster observes the numbers in it. Ctrl-C stops the reading: an empty line then
    reads the rest, /undo removes what was read, and any other line drops the rest. A long message is read in the same
    way.

        >>> /feed "ROMEO:\\n"
        >>> /continue 5
    """
    if not arguments.text:
        words(arguments, feed, 1)
    session, behaviour = shell.session, shell.session.behaviour
    behaviour.require_feeding()

    def done(number: int) -> Iterator[Event]:
        yield from unknown_events(behaviour.unknown(arguments.text))
        if shell.interactive:
            things = "tokens" if session.model.series is None else "values"
            yield Notice(f"{number:,} {things} read · position {session.position:,}")

    yield from behaviour.read_whole(arguments.text, shell.settings.get("unknown"), done)


@command("continue", usage="[N]", aliases=("c",), tasks={Task.GENERATE}, purpose="text")
def go_on(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Generate N more tokens, or max_tokens; the state moves forward with each of them.

    An empty line at the prompt does the same.

        >>> ROMEO:
        >>> /continue 5
    """
    found = words(arguments, go_on, 0, 1)
    number = whole_number(found[0], "the number of tokens", 1, MAX_TOKENS) if found else None
    yield from shell.session.behaviour.continue_answer(shell.settings.values(), number)


@command("reseed", usage="[TEXT|@FILE]", tasks={Task.GENERATE, Task.FORECAST}, free_text=True, purpose="text")
def reseed(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Forget everything, then read TEXT; the state is as if only TEXT had been read. /undo restores the old one.

    >>> ROMEO:
    >>> /reseed JULIET:
    >>> /continue 5
    """
    if arguments.text:
        yield from shell.session.behaviour.reseed(arguments.text, shell.settings.get("unknown"))
        yield from unknown_events(shell.session.behaviour.unknown(arguments.text))
    else:
        yield moved_to(shell.session, shell.session.reset())


@command(
    "text",
    usage="[-o FILE]",
    options=PICTURE_OPTION,
    purpose="text",
)
def text(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Show the text of this branch, what you wrote in bold; the state does not change.

    >>> ROMEO:
    >>> /undo 1t
    >>> /text
    >>> /text -o romeo-and-more.txt
    """
    words(arguments, text, 0, 0)
    file = str(arguments.options.get("-o", ""))
    if file:
        view_place(file)
    whole = shell.session.text()
    if not file:
        yield whole
        return
    path = write_view(file, whole, whole.text, {"text": whole.text, "spans": whole.spans}, about=origin(shell))
    yield from written(shell, path, note=f"{len(whole.text):,} characters written to {path}")
