"""`seqshell plugins`: list, new and check. The options that every subcommand has are added by the caller."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING

from seqshell.core.errors import UsageError

if TYPE_CHECKING:
    from seqshell.host import Registry

KINDS = ("architecture", "sampler", "strategy", "command")


def add_plugins_arguments(parser: ArgumentParser) -> None:
    """The options of `seqshell plugins`."""
    parser.add_argument(
        "action",
        choices=["list", "new", "check"],
        help="what became of each plugin; write a new one; hold one to the contract",
    )
    parser.add_argument(
        "name",
        nargs="?",
        metavar="NAME|PATH",
        help="new: what to call it; check: an installed plugin, its distribution, or a file",
    )
    parser.add_argument("--kind", choices=KINDS, help="new: what it offers; default: architecture")


def plugins_command(arguments: Namespace, registry: Callable[[], Registry]) -> int:
    """Do it and return the exit code: of check 1 where a rule did not hold. SeqshellErrors are the caller's. registry: with the plugins of -p."""
    if arguments.action == "list":
        from seqshell.cli.listing import plugins

        if arguments.name or arguments.kind:
            raise UsageError("plugins list takes no name")
        sys.stdout.write(plugins(registry(), as_json=bool(arguments.json)))
        return 0
    if not arguments.name:
        raise UsageError(
            f"plugins {arguments.action} what? "
            + ("NAME is missing" if arguments.action == "new" else "NAME or PATH is missing")
        )
    if arguments.action == "new":
        from seqshell.cli.plugins_new import new_command

        return new_command(arguments.name, arguments.kind or KINDS[0], as_json=bool(arguments.json))
    if arguments.kind:
        raise UsageError("--kind is for plugins new; plugins check looks at everything that a plugin offers")
    from seqshell.cli.plugins_check import check_command

    return check_command(arguments.name, arguments.plugins, as_json=bool(arguments.json))
