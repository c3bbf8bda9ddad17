"""`seqshell models`: list, check and clean. The caller adds the common options."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from seqshell.cli.listing import models, models_as_json
from seqshell.cli.progress import print_json, results_of
from seqshell.cli.registry import registry_for_command
from seqshell.cli.result_output import print_result
from seqshell.core import paths
from seqshell.core.errors import UsageError
from seqshell.core.events import Table
from seqshell.core.named_files import named_path
from seqshell.core.sanitize import safe
from seqshell.core.text_output import readable

if TYPE_CHECKING:
    from seqshell.host import Registry

DAMAGED = 3  # the exit code of --check if a model is damaged


def add_models_arguments(parser: ArgumentParser) -> None:
    """The options of `seqshell models`."""
    parser.add_argument(
        "action",
        nargs="?",
        default="list",
        choices=["list", "clean"],
        help="list the models (default); clean: remove the texts that trainings have encoded, which the next training "
        "on them encodes again",
    )
    parser.add_argument(
        "folders",
        nargs="*",
        metavar="FOLDER",
        help="clean: where checkpoints were written with --out; default: your models folder",
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="read every file to the end, open it, and compare it with its hash if it was downloaded; the exit code is "
        "3 if one is damaged",
    )


def models_command(arguments: Namespace) -> int:
    """Run the action and return the exit code."""
    if arguments.action == "clean":
        if arguments.check:
            raise UsageError("--check is for the list: seqshell models --check")
        return _clean(arguments)
    if arguments.folders:
        raise UsageError(
            f"unexpected {arguments.folders[0]!r}; usage: seqshell models, or seqshell models clean [FOLDER ...]"
        )
    found = registry_for_command(arguments, tolerant=True)
    if arguments.check:
        return _check(arguments, found)
    print_json(models_as_json(found)) if arguments.json else print_result(models(found), sys.stdout)
    return 0


def _check(arguments: Namespace, registry: Registry) -> int:
    """Print what was found of each model, as they are checked; return 3 if there is a problem."""
    from seqshell.models.checking import check_models

    found = list(results_of(check_models(paths.list_checkpoints(registry.checkpoint_folders), registry)))
    problems = sum(bool(each.problem) for each in found)
    if arguments.json:
        print_json({"models": [vars(each) for each in found], "problems": problems})
        return DAMAGED if problems else 0
    rows = tuple(
        (
            each.name,
            readable(each.size),
            "-" if not each.stored else "differs" if each.differs else "as downloaded",
            each.problem or "ok",
        )
        for each in found
    )
    print_result(Table(("model", "size", "sha256", "check"), rows), sys.stdout)
    return DAMAGED if problems else 0


def _clean(arguments: Namespace) -> int:
    """Remove encoded texts; print what was removed and how much space that freed."""
    from seqshell.training.data.array_store import FOLDER, remove_stores

    folders = [named_path(each) for each in arguments.folders] or [paths.folder("models")]
    if missing := [each for each in folders if arguments.folders and not each.is_dir()]:
        raise UsageError(f"{missing[0]} is not a folder")
    removed = [each for folder in folders for each in remove_stores(folder / FOLDER)]
    total = sum(size for _, size in removed)
    if arguments.json:
        print_json({"removed": [{"path": str(path), "bytes": size} for path, size in removed], "bytes": total})
        return 0
    for path, size in removed:
        print(safe(f"removed {path} ({readable(size)})"))
    print(f"freed {readable(total)}" if removed else "nothing to remove: no encoded texts")
    return 0
