"""A plugin named zoo, with hooks, and what the shell says when one of them fails."""

from types import ModuleType

import seqshell
from seqshell.core.events import Notice


def plugin(**hooks):
    """A plugin with these hooks: name without seqshell_ -> function."""
    module = ModuleType("zoo")
    for name, function in hooks.items():
        setattr(module, f"seqshell_{name}", seqshell.hookimpl(function, specname=f"seqshell_{name}"))
    return module


def failure(shell, line):
    """The only notice of a line, and whether the plugin was left out."""
    (notice,) = [event for event in shell.handle(line) if isinstance(event, Notice)]
    assert notice.text.endswith("; the plugin is left out: /plugins --errors")
    assert shell.registry.plugin("zoo").state == "failed"
    return notice.text
