"""Saves the sessions of all open models when the user leaves: `last`, and `last-NAME` for the others."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seqshell.core import paths
from seqshell.core.errors import SeqshellError

if TYPE_CHECKING:
    from seqshell.shell.workspace import Workspace

LAST = "last"
MAX_NAME = 64  # characters of a session's name


def save_sessions(workspace: Workspace) -> tuple[dict[str, str], list[str]]:
    """Save every session that has read something. Returns the names of the saved sessions by model, and the failures.

    `last` is the session of the current model or, if it has read nothing, of the model that answered last.
    """
    names: dict[str, str] = {}
    for model in dict.fromkeys((workspace.current, workspace.answered, *reversed(workspace.sessions))):
        if model in workspace.sessions and workspace.sessions[model].behaviour.has_read:
            names[model] = _free_name(model, names) if names else LAST
    saved: dict[str, str] = {}
    failures: list[str] = []
    for model, name in names.items():
        try:
            workspace.save(paths.output_path(name, "sessions"), model)
            saved[model] = name
        except (SeqshellError, OSError) as error:
            failures.append(f"the session of {model} could not be saved: {error}")
    return saved, failures


def _free_name(model: str, names: dict[str, str]) -> str:
    """Return last-MODEL as a valid name that no other saved session has."""
    name = re.sub(r"[^A-Za-z0-9._-]", "-", f"{LAST}-{model}")
    number, free = 1, name[:MAX_NAME]
    while free in names.values():
        number += 1
        free = f"{name[: MAX_NAME - len(f'-{number}')]}-{number}"
    return free
