"""`seqshell plugins`: list, new and check. The caller adds the common options."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING

from seqshell.cli.result_output import print_result
from seqshell.core.errors import UsageError

if TYPE_CHECKING:
    from seqshell.host import Registry

KINDS = ("architecture", "sampler", "strategy", "command")


def add_plugins_arguments(parser: ArgumentParser) -> None:
    """The options of `seqshell plugins`."""
    parser.add_argument(
        "action",
        nargs="?",
        default="list",
        choices=["list", "new", "check"],
        help="list the plugins with their status (default); create a plugin; check a plugin",
    )
    parser.add_argument(
        "name",
        nargs="?",
        metavar="NAME|PATH",
        help="new: its name; check: an installed plugin, a distribution, a module, a file or a folder",
    )
    parser.add_argument(
        "--kind",
        choices=KINDS,
        metavar="KIND",
        help=f"new: what the plugin offers: {', '.join(KINDS[:-1])} or {KINDS[-1]}; default: {KINDS[0]}",
    )


def plugins_command(arguments: Namespace, registry: Callable[[], Registry]) -> int:
    """Run the action and return the exit code; that of check is 1 if a check failed.

    registry: loads the plugins, those of -p included. Raises UsageError for bad usage.
    """
    if arguments.action == "list":
        from seqshell.cli.listing import plugin_messages, plugins, plugins_as_json

        if arguments.name or arguments.kind:
            raise UsageError("plugins list takes no name")
        found = registry()
        if arguments.json:
            print(plugins_as_json(found))
            return 0
        print_result(plugins(found), sys.stdout)
        for message in plugin_messages(found):
            print_result(message, sys.stdout)
        return 0
    if not arguments.name:
        needed = "NAME, as in seqshell plugins new haiku" if arguments.action == "new" else "NAME or PATH"
        raise UsageError(f"plugins {arguments.action} needs a {needed}")
    if arguments.action == "new":
        from seqshell.cli.plugins_new import new_command

        return new_command(arguments.name, arguments.kind or KINDS[0], as_json=bool(arguments.json))
    if arguments.kind:
        raise UsageError("--kind is an option of plugins new; plugins check checks everything that a plugin offers")
    from seqshell.cli.plugins_check import check_command

    return check_command(arguments.name, arguments.plugins, as_json=bool(arguments.json))
