"""What the shell's completion scripts know: subcommands, options and the kinds of their values, read from the parsers.

A kind is what a value may be: one of KINDS, or one word, written =WORD. Names of files that exist are listed when Tab
is pressed; settings, recipe keys, strategies and commands are in the script.
"""

from __future__ import annotations

import argparse
import re
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import dataclass

from seqshell.cli.options import common_options, options_of, shell_parser, subcommand_parser
from seqshell.cli.subcommands import SUBCOMMANDS

LISTED = ("models", "recipes", "runs", "sessions", "presets", "plugins")  # when Tab is pressed
WRITTEN = ("settings", "keys", "strategies", "commands")  # in the script
KINDS = (*LISTED, *WRITTEN, "files", "paths", "folders")  # paths: files, if the word looks like a path
SHELL = "seqshell"  # the program without a subcommand
NEVER, ALWAYS, AFTER_EQUALS = "0", "1", "="  # when an option takes a value

# A word in the metavar of an argument, and the kind that it stands for.
_WORDS = {
    "MODEL": "models",
    "RECIPE": "recipes",
    "PATH": "paths",
    "FOLDER": "folders",
    "LINE": "commands",
    **dict.fromkeys(("FILE", "DATA", "SCRIPT", "OUT", "MAP"), "files"),
}
# The metavar NAME, by what argparse calls the argument.
_NAMES = {
    **dict.fromkeys(("model", "models"), "models"),
    "names": "runs",
    "restore": "sessions",
    "preset": "presets",
    "words": "recipes",
    "name": "plugins",
}
_ASSIGNED = {"NAME=VALUE": "settings", "KEY=VALUE": "keys", "NAME FIELD=VALUE": "strategies"}


@dataclass(frozen=True)
class Argument:
    """An option, by its flag, or a positional argument, by its number from 0, * for all from there on.

    takes: whether a value follows, or only after =. kinds: of the value; empty if nothing is known of it.
    """

    program: str
    place: str
    kinds: tuple[str, ...]
    takes: str = "1"
    help: str = ""


def programs() -> dict[str, ArgumentParser]:
    """The parser of the shell and of each subcommand."""
    found = {SHELL: shell_parser()}
    for name, subcommand in SUBCOMMANDS.items():
        found[name] = subcommand_parser(name, subcommand.summary)
        subcommand.add(found[name])
    return found


def arguments(program: str, parser: ArgumentParser) -> Iterator[Argument]:
    """The options and the positional arguments of a program."""
    number = 0
    for action in parser._actions:
        if action.help == argparse.SUPPRESS:
            continue
        takes = NEVER if action.nargs == 0 else AFTER_EQUALS if action.dest == "json" else ALWAYS
        kinds = _kinds(program, action) if takes != NEVER else ()
        summary = " ".join((action.help or "").split())
        yield from (Argument(program, flag, kinds, takes, summary) for flag in action.option_strings)
        if not action.option_strings:
            place = "*" if action.nargs in ("*", "+") else str(number)
            yield Argument(program, place, kinds)
            number += 1


def written() -> dict[str, list[str]]:
    """The words of each kind in WRITTEN."""
    from seqshell.core.plugin_api import settings_of
    from seqshell.host import Policy
    from seqshell.host.builtin import load_registry
    from seqshell.shell.completion import command_names
    from seqshell.shell.setting_specs import SHELL_SETTINGS
    from seqshell.training.recipes.settings import TABLES

    registry = load_registry(Policy.read())
    fields = [
        f"{name}.{item.name}" if index else name
        for name, kind in registry.samplers.items()
        for index, item in enumerate(settings_of(kind))
    ]
    return {
        "settings": [f"{name}=" for name in (*SHELL_SETTINGS, *fields)],
        "keys": [f"{table}.{item.name}=" for table, kind in TABLES.items() for item in settings_of(kind)],
        "strategies": list(registry.strategies),
        "commands": [f"/{name}" for name in command_names(None)],
    }


def tables() -> str:
    """The lines that a script contains; a tab separates the fields, and - is an empty one.

    S: a subcommand and its summary. C: the options that may come before a subcommand. O: program, flag, when it takes a
    value, kinds, help. P: program, number, kinds. W: a kind and its words.
    """
    found = programs()
    lines: list[tuple[str, ...]] = [("S", name, each.summary) for name, each in SUBCOMMANDS.items()]
    lines.append(("C", " ".join(options_of(common_options()))))
    for program, parser in found.items():
        for each in arguments(program, parser):
            kinds = " ".join(each.kinds) or "-"
            if each.place.startswith("-"):
                lines.append(("O", program, each.place, each.takes, kinds, each.help or "-"))
            else:
                lines.append(("P", program, each.place, kinds))
    lines += [("W", kind, " ".join(words)) for kind, words in written().items()]
    return "\n".join("\t".join(line) for line in lines)


def _kinds(program: str, action: argparse.Action) -> tuple[str, ...]:
    """What the value of an argument may be."""
    if action.choices is not None:
        return tuple(f"={choice}" for choice in action.choices)
    metavar = action.metavar if isinstance(action.metavar, str) else ""
    if metavar in _ASSIGNED:
        return (_ASSIGNED[metavar],) if (program, metavar) != ("plugins", "NAME=VALUE") else ()
    words = re.findall(r"[A-Z]+", metavar)
    found = [f"={word}" for word in re.findall(r"\b[a-z]+\b", metavar) if "." not in metavar]
    found += [_NAMES.get(action.dest, "") if word == "NAME" else _WORDS.get(word, "") for word in words]
    if "MODEL" in words:
        found.append("paths")
    elif "NAME" in words and "RECIPE" not in words:
        found = ["paths" if kind == "files" else kind for kind in found]
    return tuple(dict.fromkeys(filter(None, found)))
