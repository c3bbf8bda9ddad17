"""Command lines that a user can paste: `seqshell` with the plugins that -p has loaded here."""

from __future__ import annotations

import shlex

from seqshell.host.registry import Registry


def command_line(registry: Registry, *words: str) -> str:
    """The command line of `seqshell` with these words, after the -p options that the registry was loaded with."""
    named = dict.fromkeys(name for plugin in registry.plugins for name in plugin.named)
    options = [word for name in named for word in ("-p", name)]
    return shlex.join(["seqshell", *options, *words])
