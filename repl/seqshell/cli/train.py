"""`seqshell train` and `recipes`: their options and what they print; `evaluate` and `compare` are in measuring_cli. Imports torch only when there
is something to compute.

The options that every subcommand has (--json, --device, --seed, -p, --no-plugins) are added by the caller.
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from seqshell.cli.progress import print_json, show, told_registry
from seqshell.cli.signals import first_signal
from seqshell.core import paths
from seqshell.core.errors import UsageError
from seqshell.core.sanitize import safe
from seqshell.models.file import read_header


def add_train_arguments(parser: ArgumentParser) -> None:
    """The options of `seqshell train`."""
    parser.add_argument(
        "recipe",
        nargs="*",
        metavar="RECIPE|NAME|FILE",
        help="a recipe; a text; pairs in two columns (FILE.tsv), or in two files; a table with columns text and label, or with a time and numbers",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="overrides",
        help="training.epochs=3, for instance",
    )
    parser.add_argument(
        "--out", metavar="NAME|PATH", help="the checkpoint; default: the recipe's name, among your models"
    )
    parser.add_argument("--resume", action="store_true", help="go on where an earlier run of this recipe stopped")
    parser.add_argument("--defaults", action="store_true", help="print every key of a recipe with its default")
    parser.add_argument("-o", metavar="FILE.png", dest="picture", help="write the loss curve there (needs matplotlib)")


def train_command(arguments: Namespace) -> int:
    """Train and return the exit code: 0, or 128 + the signal that stopped it (after the best was kept). SeqshellErrors are the caller's.

    With --json one object about the checkpoint is all that goes to stdout.
    """
    from seqshell.training.recipes.from_files import load_recipe
    from seqshell.training.recipes.listing import defaults_text

    if arguments.defaults:
        print(defaults_text(), end="")
        return 0
    if not arguments.recipe:
        raise UsageError(
            "train what? A recipe or a text file: seqshell train mytext.txt; seqshell recipes lists the recipes"
        )
    overrides = list(arguments.overrides)
    if arguments.device is not None and arguments.device != "auto":
        overrides.append(f"training.device={json.dumps(arguments.device)}")
    if arguments.seed is not None:
        overrides.append(f"training.seed={arguments.seed}")
    recipe = load_recipe(arguments.recipe, overrides)
    out = paths.place(arguments.out or recipe.name, "models")
    if out.suffix != paths.ENDING:
        out = out.with_name(out.name + paths.ENDING)
    picture = Path(arguments.picture) if arguments.picture else None
    registry = told_registry(arguments.no_plugins, arguments.plugins)

    from seqshell.training.loop import train

    with first_signal() as received:
        events = train(recipe, registry, out, arguments.resume, stopped=lambda: bool(received), picture=picture)
        show(events, sys.stderr if arguments.json else sys.stdout)
    if arguments.json:
        print_json(_trained(out))
    return 128 + received[0] if received else 0


def add_recipes_arguments(parser: ArgumentParser) -> None:
    """The options of `seqshell recipes`."""
    parser.add_argument("action", nargs="?", choices=["show"], help="print one recipe")
    parser.add_argument("name", nargs="?", metavar="NAME", help="the recipe to print")


def recipes_command(arguments: Namespace) -> int:
    """List the recipes, or print one. Returns 0; SeqshellErrors are the caller's."""
    from seqshell.training.recipes.listing import describe_recipes, recipe_text

    if arguments.action == "show":
        if not arguments.name:
            raise UsageError("recipes show NAME: name a recipe; seqshell recipes lists them")
        print(safe(recipe_text(arguments.name)), end="")
        return 0
    recipes = describe_recipes()
    if arguments.json:
        print(json.dumps({"recipes": recipes}, ensure_ascii=False))
        return 0
    widths = [max((len(recipe[key]) for recipe in recipes), default=0) for key in ("name", "architecture")]
    for recipe in recipes:
        print(safe(f"{recipe['name']:<{widths[0]}}  {recipe['architecture']:<{widths[1]}}  {recipe['summary']}"))
    return 0


def _trained(path: Path) -> dict[str, Any]:
    """What a finished training tells in JSON: the checkpoint it wrote, and how good it is by the protocols of evaluate."""
    header = read_header(path)
    provenance = header["provenance"]
    told = {
        "model": path.name.removesuffix(paths.ENDING),
        "path": str(path),
        "task": header["task"],
        "parameters": header["parameters"],
    }
    return {**told, "epoch": provenance["epoch"], "steps": provenance["steps"], **provenance["metrics"]}
