"""The command line: the options of `seqshell` and of its subcommands, and what `seqshell train` reads."""

from __future__ import annotations

import textwrap
from argparse import SUPPRESS, Action, ArgumentParser
from collections.abc import Collection
from pathlib import Path

from docs.site.markdown import block, code, escaped, page, table
from docs.site.pages import ROOT

from seqshell.cli.options import common_options, shell_parser, subcommand_parser
from seqshell.cli.subcommands import SUBCOMMANDS
from seqshell.core.plugin_api import one_of
from seqshell.host import Registry
from seqshell.training.recipes.listing import defaults_text, describe_recipes

COMMON = {option for action in common_options()._actions for option in action.option_strings}


def command_line() -> str:
    """The page of the command line."""
    shell = shell_parser()
    parts = [
        "What `seqshell --help` and `seqshell SUBCOMMAND --help` print.",
        "## seqshell",
        *_described(shell),
        block(shell.epilog or ""),
        "## Common options",
        "Every subcommand has them, too.",
        _arguments(common_options()),
    ]
    for name, subcommand in SUBCOMMANDS.items():
        parser = subcommand_parser(name, subcommand.summary)
        subcommand.add(parser)
        parts += [f"## seqshell {name}", *_described(parser)]
    return page("Command line", *parts)


def _described(parser: ArgumentParser) -> list[str]:
    """What a program does, its usage, and its own arguments."""
    usage = " ".join(parser.format_usage().removeprefix("usage: ").split())
    common = " ".join(common_options().format_usage().removeprefix("usage: ").split()).partition(" ")[2]
    short = textwrap.fill(usage.replace(f" {common}", ""), 80, subsequent_indent="    ", break_on_hyphens=False)
    return [escaped(parser.description or ""), block(short), _arguments(parser, leave_out=COMMON)]


def _arguments(parser: ArgumentParser, leave_out: Collection[str] = ()) -> str:
    rows = [
        (", ".join(map(code, _names(action))), escaped(_help(action)))
        for action in parser._actions
        if action.help != SUPPRESS and not set(leave_out) & set(action.option_strings)
    ]
    return table(("argument", "does"), rows)


def _names(action: Action) -> list[str]:
    if not action.option_strings:
        return [str(action.metavar or action.dest)]
    takes = "" if action.nargs == 0 else str(action.metavar if action.metavar is not None else action.dest.upper())
    if action.choices and action.metavar is None:
        takes = "{" + ",".join(map(str, action.choices)) + "}"
    return [f"{option} {takes}".strip() for option in action.option_strings]


def _help(action: Action) -> str:
    choices = one_of(tuple(map(str, action.choices))) if action.choices and action.metavar else ""
    return "; ".join(filter(None, (action.help, choices)))


def recipes(registry: Registry) -> str:
    """The page of the recipes: those that ship, and every key with its default."""
    rows = [
        (code(recipe["name"]), recipe["task"], code(recipe["architecture"]), escaped(recipe["summary"]))
        for recipe in describe_recipes(registry.recipe_folders)
        if Path(recipe["path"]).is_relative_to(ROOT)  # not the user's own
    ]
    return page(
        "Recipes",
        "`seqshell train NAME` trains a recipe, `seqshell recipes show NAME` prints it, and `--set KEY=VALUE` changes a"
        " key. A recipe is a TOML file.",
        "## Keys",
        "What `seqshell train --defaults` prints: every key with its default. `[model]` has the settings of"
        " [the architecture](architectures.md).",
        block(defaults_text(), "toml"),
        "## Recipes that ship",
        table(("recipe", "task", "architecture", "about"), rows),
    )
