"""`seqshell train` and `seqshell recipes`: their options and output. torch is imported only to compute.

The caller adds the options that all subcommands share: --json, --device, --seed, -p, --no-plugins.
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from signal import SIGINT
from typing import TYPE_CHECKING, Any

from seqshell.cli.plain_text import print_diagnostic
from seqshell.cli.processes import are_several, in_all
from seqshell.cli.progress import print_json, show
from seqshell.cli.registry import registry_for_command
from seqshell.cli.result_output import print_result
from seqshell.cli.signals import FirstSignal
from seqshell.cli.unknown import add_overrides_argument
from seqshell.core import paths
from seqshell.core.errors import UsageError
from seqshell.core.events import Event, Progress
from seqshell.core.exit_codes import NO_MODEL, OK
from seqshell.core.named_files import named_path
from seqshell.core.sanitize import safe
from seqshell.models.file import read_header

if TYPE_CHECKING:
    from seqshell.host import Registry
    from seqshell.training.distributed.group import Group
    from seqshell.training.recipes.recipe import Recipe


def add_train_arguments(parser: ArgumentParser) -> None:
    """Add the options of `seqshell train`."""
    parser.add_argument(
        "recipe",
        nargs="*",
        metavar="RECIPE|NAME|FILE",
        help="a recipe; a text file; sentence pairs in two files, or in two columns of a table; a table or folder of "
        "texts and labels; a table of numbers",
    )
    add_overrides_argument(parser, "change a setting, such as training.epochs=3")
    parser.add_argument(
        "--out", metavar="NAME|PATH", help="the checkpoint; default: the recipe's name, in your models folder"
    )
    parser.add_argument(
        "--from",
        metavar="MODEL",
        dest="parent",
        help="start from a model: its weights, vocabulary and settings; what the data has and it lacks is added",
    )
    parser.add_argument(
        "--freeze",
        metavar="PART,...",
        help="leave parts of the model as they are, such as embedding,0 for the embedding and layer 0",
    )
    parser.add_argument(
        "--tune",
        choices=("state",),
        help="with --from: train only the state in which a language model begins, for /state load",
    )
    parser.add_argument("--resume", action="store_true", help="continue an earlier run of this recipe where it stopped")
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="print what was understood, the first examples as the model reads them, sizes, memory and time; train and "
        "write nothing",
    )
    parser.add_argument(
        "--defaults",
        action="store_true",
        help="print every key of a recipe with its default, and the settings of an architecture: --defaults NAME",
    )
    parser.add_argument(
        "-o",
        metavar="FILE",
        dest="picture",
        help="write the loss curve as a picture (.html, .svg, .png, .pdf) or as numbers (.csv, .tsv, .json)",
    )
    parser.add_argument(
        "--log",
        choices=("tensorboard",),
        default="",
        help="write losses, learning rate, speed, figures and samples for TensorBoard, into NAME.run/tensorboard",
    )


def train_command(arguments: Namespace) -> int:
    """Train, in all processes if torchrun has started several; see `_train` for what is returned."""
    return in_all(partial(_train, arguments)) if are_several() else _train(arguments)


def _train(arguments: Namespace, group: Group | None = None) -> int:
    """Train; returns 0, or 128 + the number of the signal that stopped it. The caller handles SeqshellError.

    With --json, stdout gets only one object that describes the checkpoint, or nothing if none was written.
    If the checkpoint had to be written to another place, returns 3, and the object has its path.
    group: the processes that train together.
    """
    from seqshell.training.recipes.from_files import load_recipe
    from seqshell.training.recipes.from_parent import with_parent
    from seqshell.training.recipes.listing import defaults_text
    from seqshell.training.recipes.other_architecture import for_architecture

    if arguments.defaults:
        if len(arguments.recipe) > 1:
            raise UsageError("--defaults takes the name of one architecture, as in seqshell train --defaults lstm")
        found = (
            registry_for_command(arguments).lookup("architecture", arguments.recipe[0]) if arguments.recipe else None
        )
        print(safe(defaults_text(found)), end="")
        return 0
    if not arguments.recipe:
        raise UsageError(
            "nothing to train: name a recipe (seqshell train phrases) or a file of yours; seqshell recipes lists them"
        )
    overrides = list(arguments.overrides)
    if arguments.device is not None and arguments.device != "auto":
        overrides.append(f"training.device={json.dumps(arguments.device)}")
    if arguments.seed is not None:
        overrides.append(f"training.seed={arguments.seed}")
    if misplaced := [word for word in arguments.recipe[1:] if "=" in word and not named_path(word).exists()]:
        raise UsageError(f"unexpected {misplaced[0]!r}; use --set {misplaced[0]}")
    if arguments.freeze:
        overrides.append(f"training.freeze={arguments.freeze}")
    if arguments.tune:
        overrides.append(f"training.tune={arguments.tune}")
    registry = registry_for_command(arguments)
    recipe = for_architecture(load_recipe(arguments.recipe, overrides, registry.recipe_folders), registry)
    if arguments.parent:
        recipe = with_parent(recipe, arguments.parent, registry.checkpoint_folders, overrides)
    if arguments.dry_run:
        return _dry_run(arguments, recipe, registry)
    out = paths.output_path(arguments.out or recipe.name, "states" if recipe.training.tune else "models")
    if out.suffix != paths.ENDING:
        out = out.with_name(out.name + paths.ENDING)
    picture = named_path(arguments.picture) if arguments.picture else None

    from seqshell.training.loop import train

    written: list[Path] = []
    signal = FirstSignal(is_announced=group is None)
    try:
        with signal:
            events = train(
                recipe,
                registry,
                out,
                arguments.resume,
                stopped=lambda: signal.number or 0,
                picture=picture,
                log=arguments.log,
                written=written.append,
                group=group,
            )
            show(_noting_steps(events, signal), sys.stderr if arguments.json else sys.stdout)
    except KeyboardInterrupt:
        if not signal.has_steps:
            print_diagnostic(sys.stderr, "stopped before the first step; no checkpoint was written")
        if signal.number in (None, SIGINT):
            raise
        return signal.exit_code
    finally:
        if arguments.json and written:
            print_json(_summary(written[-1]))
    if group is not None:
        signal.number = signal.number or group.stop or None
    if signal.came:
        return signal.exit_code
    return NO_MODEL if written and written[-1] != out else OK  # written in another place


def _noting_steps(events: Iterator[Event], signal: FirstSignal) -> Iterator[Event]:
    """The events of a training. Informs the signal handler when the first step begins."""
    for event in events:
        signal.has_steps = signal.has_steps or isinstance(event, Progress)
        yield event


def _dry_run(arguments: Namespace, recipe: Recipe, registry: Registry) -> int:
    """Print the plan of a training, with --json as one object; returns 0."""
    from seqshell.training.dry_run import dry_run

    plan = dry_run(recipe, registry)
    if arguments.json:
        print_json(plan.as_json())
        return 0
    for note in plan.notes:
        print_result(note, sys.stdout)
    for table in plan.tables():
        print()
        print_result(table, sys.stdout)
    return 0


def add_recipes_arguments(parser: ArgumentParser) -> None:
    """Add the options of `seqshell recipes`."""
    parser.add_argument("words", nargs="*", metavar="show NAME", help="print one recipe")


def recipes_command(arguments: Namespace) -> int:
    """List the recipes, or print one. Returns 0; the caller handles SeqshellError."""
    from seqshell.training.recipes.listing import describe_recipes, recipe_text, recipes_table

    folders = registry_for_command(arguments).recipe_folders
    words = arguments.words[1:] if arguments.words[:1] in (["show"], ["list"]) else arguments.words
    if words or arguments.words == ["show"]:
        if len(words) != 1:
            raise UsageError("name one recipe: seqshell recipes show NAME; seqshell recipes lists them")
        print(safe(recipe_text(words[0], folders)), end="")
        return 0
    if arguments.json:
        print_json({"recipes": describe_recipes(folders)})
    else:
        print_result(recipes_table(folders), sys.stdout)
    return 0


def _summary(path: Path) -> dict[str, Any]:
    """The JSON object for a finished training: the checkpoint and its metrics, with the keys that `evaluate` uses.

    Of a trained state: its file, and the model that it belongs to.
    """
    header = read_header(path)
    if header["kind"] == "state":
        return {"state": path.name.removesuffix(paths.ENDING), "path": str(path), "model": header["model"]["name"]}
    provenance = header["provenance"]
    summary = {
        "model": path.name.removesuffix(paths.ENDING),
        "path": str(path),
        "task": header["task"],
        "parameters": header["parameters"],
    }
    return {**summary, "epoch": provenance["epoch"], "steps": provenance["steps"], **provenance["metrics"]}
