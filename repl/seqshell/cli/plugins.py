"""`seqshell plugins`: list, new and check. The caller adds the common options."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace

from seqshell.cli.progress import print_json
from seqshell.cli.registry import registry_for_command
from seqshell.cli.result_output import print_result
from seqshell.cli.unknown import add_set_argument
from seqshell.core.errors import UsageError

KINDS = ("architecture", "sampler", "strategy", "tokenizer", "command", "importer", "hook")
TASKS = ("generate", "translate", "classify", "forecast", "tag")


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
        action="append",
        choices=KINDS,
        metavar="KIND",
        help=f"new: what the plugin offers: {', '.join(KINDS[:-1])} or {KINDS[-1]}; repeat it for several; "
        f"default: {KINDS[0]}",
    )
    parser.add_argument(
        "--task",
        choices=TASKS,
        metavar="TASK",
        help=f"new: what an architecture does: {', '.join(TASKS[:-1])} or {TASKS[-1]}; default: {TASKS[0]}",
    )
    add_set_argument(
        parser, "check: a setting of the architectures that have it, such as hidden_size=8, beside small sizes"
    )


def plugins_command(arguments: Namespace) -> int:
    """Run the action and return the exit code; that of check is 1 if a check failed.

    Raises UsageError for bad usage.
    """
    if arguments.action == "list":
        from seqshell.cli.listing import plugin_messages, plugins, plugins_as_json

        if arguments.name or arguments.kind or arguments.task:
            raise UsageError("plugins list takes no name")
        found = registry_for_command(arguments, tolerant=True)
        if arguments.json:
            print_json(plugins_as_json(found))
            return 0
        print_result(plugins(found), sys.stdout)
        for message in plugin_messages(found):
            print_result(message, sys.stdout)
        return 0
    if arguments.settings and arguments.action != "check":
        raise UsageError("--set is for plugins check")
    if not arguments.name:
        needed = "NAME, as in seqshell plugins new haiku" if arguments.action == "new" else "NAME or PATH"
        raise UsageError(f"plugins {arguments.action} needs a {needed}")
    if arguments.action == "new":
        from seqshell.cli.plugin_templates import NewPlugin
        from seqshell.cli.plugins_new import new_command
        from seqshell.core.tasks import Task

        kinds = tuple(dict.fromkeys(arguments.kind or KINDS[:1]))
        if arguments.task and "architecture" not in kinds:
            raise UsageError("--task is the task of an architecture; add --kind architecture")
        plugin = NewPlugin(arguments.name, kinds, Task(arguments.task or TASKS[0]))
        return new_command(plugin, as_json=bool(arguments.json))
    if arguments.kind or arguments.task:
        raise UsageError("--kind and --task are for plugins new; plugins check checks everything that a plugin offers")
    from seqshell.cli.plugins_check import check_command
    from seqshell.training.recipes.overrides import apply_overrides

    settings = apply_overrides({}, [f"model.{each}" for each in arguments.settings]).get("model", {})
    return check_command(arguments.name, arguments.plugins, as_json=bool(arguments.json), settings=settings)
