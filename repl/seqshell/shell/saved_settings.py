"""The settings that a saved session keeps: those that shape its answers, and the unit of what is measured."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from seqshell.core.errors import UsageError
from seqshell.core.setting_origins import BUILT_IN, CHECKPOINT, COMMAND_LINE, SET
from seqshell.shell.settings import Settings

KEPT = ("max_tokens", "stop", "horizon", "unknown", "newline", "nbest", "turns", "unk", "replace_unk", "unit", "color")


def to_save(settings: Settings) -> dict[str, Any]:
    """The values for a saved session: those that neither the checkpoint nor seqshell decided."""
    entries = map(settings.entry, KEPT)
    return {entry.name: entry.value for entry in entries if entry.origin not in (CHECKPOINT, BUILT_IN)}


def restore(settings: Settings, saved: Mapping[str, Any] | None) -> None:
    """Use the values of a saved session, but not in place of the command line's. None: an old file without any."""
    for entry in map(settings.entry, KEPT if saved is not None else ()):
        if saved is not None and entry.name in saved and entry.origin != COMMAND_LINE:
            with suppress(UsageError):  # of another version of seqshell
                settings.set(entry.name, saved[entry.name])
        elif entry.origin == SET:
            settings.reset(entry.name)
