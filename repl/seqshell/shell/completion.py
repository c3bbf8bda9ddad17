"""Completes a line: commands, settings and values, names of models, sessions and branches, files. Draws nothing."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from seqshell.core import paths
from seqshell.core.errors import PluginError, SeqshellError
from seqshell.core.named_files import named_path
from seqshell.core.names import similar
from seqshell.core.plugin_guard import Guard, owner_of
from seqshell.core.tasks import TASKS
from seqshell.host import builtin
from seqshell.models.file import read_header
from seqshell.models.summary import about_file
from seqshell.shell.failures import write_log

if TYPE_CHECKING:
    from seqshell.core.plugin_api import Command, Complete, Option
    from seqshell.shell.shell import Shell

MAX_COMPLETIONS = 500  # completions
_OPEN_VALUE = re.compile(r'(?:^|\s)(-[\w-]+)\s+"([^"]*)$')
_OPTION_IN_USAGE = re.compile(r"\[-[^]]*\]")
_FILE_IN_USAGE = re.compile(r"(?<!@)\bFILE\b|\.tsv\b")


@dataclass(frozen=True)
class Completions:
    """items: (text, description); each text may replace the line from `start` on."""

    start: int
    items: tuple[tuple[str, str], ...] = ()


def complete(shell: Shell | None, before: str) -> Completions:
    """The completions of `before`, the line up to the cursor. Without a shell: those that need none."""
    line = re.fullmatch(r"/(\S*)(?:\s(.*))?", before, re.DOTALL)
    if line is None or before.startswith("//"):
        return Completions(len(before))
    name, rest = line.groups()
    if rest is None:
        return Completions(0, tuple((f"/{found}", about) for found, about in _commands(shell, name)))
    start = len(before) - len(re.split(r"\s", rest)[-1])
    word = before[start:]
    found = _arguments(shell, name, rest, word)
    return Completions(start, tuple(islice(dict(found).items(), MAX_COMPLETIONS)))


def command_names(shell: Shell | None) -> tuple[str, ...]:
    """The names and aliases of the commands. Without a shell: the names of the built-in ones."""
    return tuple(
        shell.registry.commands if shell else dict.fromkeys(offered.name for offered in builtin.seqshell_commands())
    )


def _commands(shell: Shell | None, word: str) -> Iterator[tuple[str, str]]:
    """The commands that begin with the word, with the first line of their help; if there are none, similar ones."""
    names = command_names(shell)
    matching = [name for name in names if name.startswith(word)] or similar(word, names)
    for name in sorted(matching):
        found = _command(shell, name)
        if found is None:
            yield name, ""
        elif not found.hidden and (not found.tasks or shell is None or shell.task is None or shell.task in found.tasks):
            if name.rpartition("/")[2] == found.name:
                yield name, found.help.partition("\n")[0]
            elif word:
                yield name, f"the same as /{found.name}"


def _command(shell: Shell | None, name: str) -> Command | None:
    """The command of that name; None without a shell, for an unknown name, and for a plugin's command that fails."""
    try:
        return shell.registry.commands[name] if shell is not None and name in shell.registry.commands else None
    except SeqshellError:
        return None


def _arguments(shell: Shell | None, name: str, rest: str, word: str) -> Iterator[tuple[str, str]]:
    """The completions of the last word of a command's arguments."""
    command = _command(shell, name)
    if word.startswith("@") and not word.startswith("@@"):
        yield from files(word[1:], "@")
        return
    if command and shell and (found := _OPEN_VALUE.search(rest)):
        yield from _inside_quotes(shell, command, *found.groups())
        return
    before = rest[: len(rest) - len(word)].split()
    option = (
        next((option for option in command.options if before and option.flag == before[-1]), None) if command else None
    )
    if command is None or shell is None:
        return
    if option is not None and option.takes:
        yield from _values(shell, command, option, rest, word)
        return
    if word.startswith("-"):
        yield from ((option.flag, option.help) for option in command.options if option.flag.startswith(word))
    yield from _offered(shell, f"/{command.name}", command.complete, rest, word)
    usage = _OPTION_IN_USAGE.sub("", command.usage)
    if _FILE_IN_USAGE.search(usage):
        yield from files(word)
    elif "@FILE" in usage and not rest.strip():  # later words may be those of a TEXT
        yield from files("", "@")
    elif "PATH" in usage and _is_path(word):
        yield from files(word, ending=paths.ENDING)


def _inside_quotes(shell: Shell, command: Command, flag: str, inside: str) -> Iterator[tuple[str, str]]:
    """The completions of the last word in quotes that are still open, which begin the value of an option."""
    option = next((option for option in command.options if option.flag == flag), None)
    if option is not None and option.complete is not None:
        word = re.split(r"\s", inside)[-1]
        quote = "" if word != inside else '"'  # the quotation mark belongs to the first word
        offered = _offered(shell, f"{flag} of /{command.name}", option.complete, inside, word)
        yield from ((quote + text, about) for text, about in offered)


def _values(shell: Shell, command: Command, option: Option, rest: str, word: str) -> Iterator[tuple[str, str]]:
    """The values of an option: its choices, what its own completer offers, files or models."""
    yield from ((choice, "") for choice in option.choices if choice.startswith(word) and choice != word)
    yield from _offered(shell, f"{option.flag} of /{command.name}", option.complete, rest, word)
    if option.choices or option.complete is not None:
        return
    if "FILE" in option.takes:
        yield from files(word)
    elif option.takes in ("MODEL", "NAME|PATH"):
        yield from _models(shell, word, command.name)
        if _is_path(word):
            yield from files(word, ending=paths.ENDING)


def _is_path(word: str) -> bool:
    return "/" in word or word.startswith((".", "~"))


def _offered(shell: Shell, what: str, complete: Complete | None, rest: str, word: str) -> Iterator[tuple[str, str]]:
    """What the completer of a command or an option offers for a word, with descriptions."""
    found = _called(shell, what, complete, rest) if complete is not None else {}
    yield from ((text, about) for text, about in found.items() if text.startswith(word) and text != word)


def _called(shell: Shell, what: str, complete: Complete, rest: str) -> Mapping[str, str]:
    owner = owner_of(complete)
    try:
        with Guard(f"the completion of {what}{owner.suffix}", owner):
            offered = complete(shell, rest)
            items = dict(offered) if isinstance(offered, Mapping) else dict.fromkeys(offered, "")
            return {str(text): str(about) for text, about in items.items()}
    except PluginError as error:
        if not owner.builtin and shell.registry.note(error):  # else of a session that changes meanwhile
            write_log(paths.home() / "log", f"{error.message}\n{error.details}")
        return {}
    except SeqshellError:
        return {}


def _models(shell: Shell | None, word: str, command: str) -> Iterator[tuple[str, str]]:
    """The models whose name begins with the word; for a command with the name of a task, those of that task."""
    folders = shell.registry.checkpoint_folders if shell is not None else ()
    for name, path in paths.list_checkpoints(folders).items():
        if name.startswith(word) and (command not in TASKS or _task(path) == command):
            yield name, about_file(path)


def _task(path: Path) -> str:
    """The task in a checkpoint's header; empty if the file is invalid."""
    try:
        return str(read_header(path).get("task", ""))
    except SeqshellError:
        return ""


def files(word: str, sign: str = "", ending: str = "") -> Iterator[tuple[str, str]]:
    """The files and folders whose path begins with the word; hidden ones only if their part of it begins with a dot.

    ending: of the files, which are then checkpoints.
    """
    folder, beginning = os.path.split(word)
    try:
        entries = sorted(os.scandir(named_path(folder)), key=lambda entry: entry.name)
    except (OSError, SeqshellError):
        return
    for entry in entries:
        if not entry.name.startswith(beginning) or (entry.name.startswith(".") and not beginning.startswith(".")):
            continue
        path = os.path.join(folder, entry.name)
        try:
            is_folder = entry.is_dir()
        except OSError:
            continue
        if not is_folder and not entry.name.endswith(ending):
            continue
        path += "/" if is_folder else ""
        about = about_file(Path(entry.path)) if ending and not is_folder else ""
        yield sign + (json.dumps(path, ensure_ascii=False) if re.search(r'[\s"]', path) else path), about
