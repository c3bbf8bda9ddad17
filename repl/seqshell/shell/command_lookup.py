"""From the first word of a line to its command, with a hint for words that are not commands here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from seqshell.core.errors import UsageError
from seqshell.core.names import did_you_mean, nearest
from seqshell.core.plugin_api import Command, settings_of

if TYPE_CHECKING:
    from seqshell.host import Registry

KNOWN_FROM_ELSEWHERE: Mapping[str, str] = MappingProxyType(
    {
        "model": "/load NAME",
        "run": "/load NAME",
        "read": "/feed @FILE",
        "edit": "Ctrl-X Ctrl-E at the prompt",
    }
)


def find_command(registry: Registry, word: str) -> Command:
    """The command with this name or alias, with or without the slash.

    Raises UsageError (unknown_command) with a hint.
    """
    name = word.removeprefix("/")
    if name in registry.commands:
        found: Command = registry.commands[name]
        return found
    if several := registry.commands.candidates(name):
        choices = " or ".join(f"/{full}" for full in several)
        raise UsageError(f"several plugins offer /{name}: use {choices}", code="ambiguous_command")
    near = nearest(name, registry.commands)
    use_set = name in registry.samplers or not near
    if hint := KNOWN_FROM_ELSEWHERE.get(name, "") or (_set_sampler(registry, name) if use_set else ""):
        raise UsageError(f"there is no command /{name}; use {hint}", hint=hint, code="unknown_command")
    otherwise = "/help lists the commands, //text sends a text with a slash"
    meant = did_you_mean(name, registry.commands, otherwise, form="/{}")
    raise UsageError(f"there is no command /{name[:40]}; {meant}", hint=near and f"/{near}", code="unknown_command")


def _set_sampler(registry: Registry, name: str) -> str:
    """The /set line for the first sampler whose name begins with `name`; empty if there is none."""
    sampler = next((known for known in registry.samplers if known.startswith(name)), "")
    settings = settings_of(registry.samplers[sampler]) if sampler else ()
    return f"/set {sampler} {settings[0].default}" if settings else ""
