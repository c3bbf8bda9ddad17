"""From the first word of a line to its command, with a hint for words that are not commands here."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seqshell.core import paths
from seqshell.core.errors import UsageError
from seqshell.core.names import did_you_mean, nearest
from seqshell.core.plugin_api import Command
from seqshell.core.text_files import is_file
from seqshell.shell.foreign_words import COMMANDS, SETTINGS, as_setting, filled
from seqshell.shell.setting_specs import SHELL_SETTINGS

if TYPE_CHECKING:
    from seqshell.host import Registry

JOINED = re.compile(r"([a-z]+)(\d+t?)")  # a command and a number, without the space
LONGEST_SHOWN = 40  # characters of an unknown word


def find_command(registry: Registry, word: str, rest: str = "") -> Command:
    """The command with this name or alias, with or without the slash. rest: the line after it.

    Raises UsageError (unknown_command) with a hint: a line that does what the user seems to mean.
    """
    name = word.removeprefix("/")
    if rest.strip() and (line := COMMANDS.get(f"{name} {rest.strip()}", "")):
        raise _unknown(f"/{name} {rest.strip()}", line)
    if name in registry.commands:
        found: Command = registry.commands[name]
        return found
    if several := registry.commands.candidates(name):
        choices = " or ".join(f"/{full}" for full in several)
        raise UsageError(f"several plugins offer /{name}: use {choices}", code="ambiguous_command")
    if line := _meant(registry, name, rest.strip()):
        raise _unknown(f"/{name}", line)
    near = nearest(name.lower(), registry.commands)
    otherwise = "/help lists the commands, //text sends a text with a slash"
    if is_file(f"/{name}"):
        otherwise = f"/feed @/{name} reads the file, //{name} sends its name as a text"
    meant = did_you_mean(name.lower(), registry.commands, otherwise, form="/{}")
    raise UsageError(
        f"there is no command /{name[:LONGEST_SHOWN]}; {meant}", hint=near and f"/{near}", code="unknown_command"
    )


def _unknown(shown: str, line: str) -> UsageError:
    return UsageError(f"there is no command {shown}; use {line}", hint=line, code="unknown_command")


def _meant(registry: Registry, name: str, rest: str) -> str:
    """The line that a word known from elsewhere means, or the name of something other than a command; else empty."""
    if name in COMMANDS:
        return filled(COMMANDS[name], rest)
    if "=" in name:
        name, _, rest = name.partition("=")
    if (joined := JOINED.fullmatch(name)) and joined[1] in registry.commands:
        return f"/{joined[1]} {joined[2]}"
    if setting := _setting(registry, as_setting(name)):
        return f"/set {setting} {rest}".rstrip()
    if name in registry.strategies:
        return f"/strategy {name} {rest}".rstrip()
    return f"/load {name}" if name in paths.list_checkpoints(registry.checkpoint_folders) else ""


def _setting(registry: Registry, name: str) -> str:
    """The setting with this name, or of which it is the beginning; empty if there is none."""
    known = [*SHELL_SETTINGS, *registry.samplers]
    if name in known or SETTINGS.get(name) in known:
        return SETTINGS.get(name, name)
    return "" if nearest(name, registry.commands) else next((item for item in known if item.startswith(name)), "")
