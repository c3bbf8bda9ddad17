"""Scripts and the lines sent so far: /source, /history and /expect; and /quit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from seqshell.core.errors import ExpectationError, SeqshellError, UsageError
from seqshell.core.events import Event, Quit, Steps, Text
from seqshell.core.json_values import unquoted
from seqshell.core.plugin_api import Arguments, Command, command
from seqshell.core.text_files import read_file
from seqshell.shell import syntax
from seqshell.shell.commands.arguments import whole_number, words

if TYPE_CHECKING:
    from seqshell.shell.shell import Shell

DEEPEST = 16  # scripts within scripts
SHOWN = 60  # characters of a result in an error


def file_name(arguments: Arguments, used: Command) -> str:
    """The whole argument as the name of a file, in quotes or not."""
    text = arguments.text.strip()
    if not text:
        words(arguments, used, 1)
    return unquoted(text) or text


@command(
    "source",
    usage="[--step] FILE",
    options={"--step": "show the comments and put the lines into the prompt one by one"},
    purpose="session",
)
def source(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Run the lines of a file as if they were typed, until one fails; each line changes the state as usual.

    Each line is a turn. With --step, comments are shown as prose and each line is put into the prompt for you to send.

        >>> /record lesson.seq
        >>> /feed ROMEO:
        >>> /record off
        >>> /source lesson.seq
    """
    name = file_name(arguments, source)
    yield from run_script(shell, name, read_file(name), step=bool(arguments.options.get("--step")))


def run_script(shell: Shell, name: str, text: str, *, step: bool = False) -> Iterator[Event]:
    """The events of a script's lines. step: at a terminal, hand them over one by one.

    The error of a line names file and line.
    """
    physical = text.removesuffix("\n").split("\n")
    if physical[0].startswith("#!"):
        physical[0] = ""
    script = list(syntax.joined_blocks(physical))  # all at once, so that nothing runs if a block is not closed
    if step and shell.interactive:
        yield Steps(name, tuple(physical))
        return
    if name in shell.scripts or len(shell.scripts) == DEEPEST:
        raise UsageError(
            f"{' runs '.join((*shell.scripts[-2:], name))}: "
            f"a script must not run itself, nor more than {DEEPEST} within each other"
        )
    shell.scripts.append(name)
    try:
        for line in script:
            if line.text:
                try:
                    yield from shell.run(line.text)
                except SeqshellError as error:
                    error.message = f"{name}:{line.number}: {error.message}"
                    error.args = (error.message,)
                    raise
            if shell.interrupted:
                return
    finally:
        shell.scripts.pop()


@command("history", purpose="session")
def history(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Show the lines that you have sent; the state does not change.

    >>> ROMEO:
    >>> /history
    ROMEO:
    """
    words(arguments, history, 0, 0)
    yield Text("\n".join(map(syntax.as_script, shell.history.lines[:-1])))


@command("expect", usage="TEXT", free_text=True, purpose="session")
def expect(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Fail unless the last result contains TEXT, to test a model in a script; the state does not change.

    >>> /feed ROMEO:
    >>> /text
    >>> /expect "ROMEO:"
    """
    if not arguments.text:
        words(arguments, expect, 1)
    result = shell.last_result.text
    if arguments.text not in result:
        result = result if len(result) <= SHOWN else result[:SHOWN] + "..."
        raise ExpectationError(f"the last result does not contain {arguments.text!r}; it is {result!r}")
    yield from ()


@command("quit", usage="[CODE]", aliases=("exit", "bye"), purpose="session")
def leave(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Leave with exit code CODE, or 0; at the prompt the session is saved as `last`, unless autosave is off.

    If several models are open, the current one's is `last`, and those of the others are `last-NAME`.

    >>> /quit
    """
    (word,) = words(arguments, leave, 0, 1) or ("0",)
    yield Quit(whole_number(word, "the exit code", 0, 255))
