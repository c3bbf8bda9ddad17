"""Whole conversations in tests: lines in, events out, without terminal, home folder or installed plugins."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import ModuleType
from typing import Any

from seqshell.core.events import Event
from seqshell.core.model import Model
from seqshell.shell.shell import Shell


def shell_for(model: Model | None = None, *, plugins: Sequence[ModuleType | Any] = (), seed: int = 0) -> Shell:
    """Create a shell for scripts with the built-in plugins, `plugins`, and `model` open, if given.

    Raises PluginError if a plugin cannot be registered.
    """
    from seqshell.host import Policy
    from seqshell.host.builtin import load_registry

    shell = Shell(load_registry(Policy(no_plugins=True, strict=True), modules=plugins), seed=seed)
    if model is not None:
        shell.workspace.add(model)
    return shell


def run(
    lines: Iterable[str], *, model: Model | None = None, plugins: Sequence[ModuleType | Any] = (), seed: int = 0
) -> list[Event]:
    """Run lines and return their events. Raises the SeqshellError of the first line that fails.

    plugins: modules or other objects with hook implementations. model: for instance tiny_model().
    """
    shell = shell_for(model, plugins=plugins, seed=seed)
    return [event for line in lines for event in shell.handle(line)]
