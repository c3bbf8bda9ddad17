"""Whole conversations in tests: lines in, events out, without a terminal, a home folder or the developer's own plugins."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import ModuleType
from typing import Any

from seqshell.core.events import Event
from seqshell.core.model import Model
from seqshell.shell.shell import Shell


def shell_for(model: Model | None = None, *, plugins: Sequence[ModuleType | Any] = (), seed: int = 0) -> Shell:
    """A shell as scripts have it, with the built-in plugins, those given, and, when there is one, `model` open.

    PluginError when a plugin cannot be registered.
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
    """Everything that happens while the lines are handled one after the other. The first that fails raises its SeqshellError.

    plugins: modules, or other objects with hook implementations. seqshell.testing.tiny_model() makes a model in no time.
    """
    shell = shell_for(model, plugins=plugins, seed=seed)
    return [event for line in lines for event in shell.handle(line)]
