"""/help: an overview by purpose, one command in full, and the keys. The texts are the docstrings of the commands."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seqshell.core.errors import PluginError
from seqshell.core.events import Event, Text
from seqshell.core.plugin_api import Arguments, Command, Option, command, one_of
from seqshell.shell.commands.arguments import words

if TYPE_CHECKING:
    from seqshell.host import Registry
    from seqshell.shell.shell import Shell

PURPOSES = ("text", "back", "choosing", "looking", "tasks", "models", "session", "plugins")
WIDTH = 59  # a terminal of 60 columns shows it without wrapping
BEGINNING = "A line goes to the model; an empty line continues."
END = """\
/help COMMAND explains a command, /help keys lists the keys
/set surprisal on colours each token by how unlikely it was"""
KEYS = """\
Enter              send the line; in an empty one: send the
                   grey example, else continue
Alt-Enter, Ctrl-O  start a new line
Tab                complete commands, values, names, files;
                   Enter accepts a choice, Escape closes
Right, End         accept the grey suggestion
Alt-F              accept one word of it
Up, Down           earlier lines that start as this one
Ctrl-R             search earlier lines
Ctrl-C             stop at the next token; clear the line
Ctrl-D             quit, on an empty line
Ctrl-L             clear the screen, not the state
Ctrl-X Ctrl-E      edit the line in $EDITOR
Alt-G              continue the answer
Alt-R              regenerate the last answer
Alt-U              undo
Alt-Left, -Right   previous, next candidate
F1                 show /help
F3                 multi-line mode: Alt-Enter sends
F4                 switch between vi and emacs keys"""


@dataclass(frozen=True)
class Description:
    """The parts of a command's docstring. summary: the first line, with the effect on the state. details: paragraphs,
    each in one line, and lists. example: lines to type.
    """

    summary: str
    details: str
    example: str


def describe(shown: Command) -> Description:
    """Split a command's docstring into a line, paragraphs, and an example in which lines to type begin with `>>> `.

    An indented paragraph is a list, which keeps its lines.
    """
    summary, _, rest = inspect.cleandoc(shown.run.__doc__ or "").partition("\n")
    paragraphs = [part for part in rest.strip("\n").split("\n\n") if part.strip()]
    examples = [textwrap.dedent(part) for part in paragraphs if part.lstrip().startswith(">>> ")]
    details = [
        textwrap.dedent(part) if part.startswith(" ") else " ".join(part.split())
        for part in paragraphs
        if not part.lstrip().startswith(">>> ")
    ]
    return Description(summary, "\n\n".join(details), "\n".join(examples))


def listed(registry: Registry) -> dict[str, list[Command]]:
    """The commands by purpose, each once. Those of plugins without a purpose come last; broken ones are left out."""
    groups: dict[str, list[Command]] = {purpose: [] for purpose in PURPOSES}
    for name in registry.commands:
        try:
            found = registry.commands[name]
        except PluginError:
            continue
        if not found.hidden and name.rpartition("/")[2] == found.name:
            groups.setdefault(found.purpose or "plugins", []).append(found)
    return groups


def help_words(shell: Shell, text: str) -> Mapping[str, str]:
    """The names of the commands with their summaries, and `keys`."""
    commands = [command for group in listed(shell.registry).values() for command in group]
    summaries = {command.name: command.help.partition("\n")[0] for command in commands}
    found = dict.fromkeys(shell.registry.commands, "") | summaries
    if text.lstrip().startswith("/"):
        return {f"/{name}": about for name, about in found.items()}
    return found | {"keys": "the keys of the prompt"}


@command("help", usage="[COMMAND|keys]", aliases=("?",), complete=help_words, purpose="session")
def show_help(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Show the commands by purpose, one command in full, or the keys; the state does not change.

    >>> /help
    >>> /help undo
    >>> /help keys
    """
    (word,) = words(arguments, show_help, 0, 1) or ("",)
    if word == "keys":
        yield Text(KEYS)
    elif word:
        yield Text(_in_full(shell, word))
    else:
        yield Text(_overview(shell.registry))


def _overview(registry: Registry) -> str:
    lines = []
    for purpose, commands in listed(registry).items():
        if commands:
            lines += textwrap.wrap(
                "  ".join(f"/{item.name}" for item in commands),
                WIDTH,
                initial_indent=f"{purpose:<10}",
                subsequent_indent=" " * 10,
                break_on_hyphens=False,
            )
    return "\n".join([BEGINNING, *lines, "", END])


def _in_full(shell: Shell, word: str) -> str:
    found = shell.find_command(word)
    described = describe(found)
    parts = [_wrapped(f"/{found.name} {found.usage}".rstrip(), indent=4), _wrapped(described.summary)]
    for part in filter(None, described.details.split("\n\n")):
        parts.append(textwrap.indent(part, "  ") if "\n" in part else _wrapped(part))
    flags = [" ".join(filter(None, (option.flag, option.takes))) for option in found.options]
    width = max(map(len, flags), default=0)
    options = zip(flags, map(_about, found.options), strict=True)
    lines = [_wrapped(f"  {flag:<{width}}  {text}", indent=width + 4) for flag, text in options]
    parts += ["\n".join(lines)] if lines else []
    parts += [textwrap.indent(described.example, "  ")] if described.example else []
    also = f"also {', '.join(f'/{name}' for name in found.aliases)} · " if found.aliases else ""
    return "\n\n".join([*parts, f"{also}from {shell.registry.owner('command', word.removeprefix('/'))}"])


def _about(option: Option) -> str:
    """The help of an option, with its choices."""
    return "; ".join(filter(None, (option.help, one_of(option.choices) if option.choices else "")))


def _wrapped(text: str, indent: int = 0) -> str:
    """The text in lines of at most WIDTH columns; `indent` is that of the lines after the first."""
    return textwrap.fill(text, WIDTH, subsequent_indent=" " * indent, break_on_hyphens=False, break_long_words=False)
