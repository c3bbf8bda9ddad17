"""`seqshell paths`: where the user's files are. Imports neither torch nor numpy."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from seqshell.cli.progress import print_json
from seqshell.cli.result_output import print_result
from seqshell.core import paths
from seqshell.core.events import Table
from seqshell.core.text_output import readable

EXAMPLES = """\
examples:
  seqshell paths
  seqshell paths --json

SEQSHELL_HOME=FOLDER chooses another folder for all of them."""
UNINSTALLED = (
    "uninstalling seqshell removes the program and the models that ship with it, and leaves what these folders have; "
    "files that you wrote elsewhere, such as with -o or --out, stay too"
)


def add_paths_arguments(parser: ArgumentParser) -> None:
    """The options of `seqshell paths`."""
    parser.epilog = EXAMPLES


def paths_command(arguments: Namespace) -> int:
    """Print the places with what they take, and return 0. Raises UsageError if there is no home folder."""
    found = [(name, path, _size(path)) for name, path in places().items()]
    if arguments.json:
        print_json(
            {
                "paths": {name: {"path": str(path), "bytes": size} for name, path, size in found},
                "home": str(paths.home()),
            }
        )
        return 0
    rows = tuple((name, "-" if size is None else readable(size), str(path)) for name, path, size in found)
    print_result(Table(("", "size", "path"), rows), sys.stdout)
    print_result(f"\n{UNINSTALLED}", sys.stdout)
    return 0


def places() -> dict[str, Path]:
    """The folders and files that seqshell writes for the user, by what they contain; they may not exist."""
    home = paths.home()
    folders = {kind: paths.folder(kind) for kind in get_args(paths.Kind)}
    files = {"config": paths.config_file(), "history": home / "history", "log": home / "log"}
    return {**folders, **files, "cache": paths.cache()}


def _size(path: Path) -> int | None:
    """The bytes of a file, or of all files below a folder; None if there is none."""
    if not path.exists():
        return None
    return path.stat().st_size if path.is_file() else sum(_sizes(path))


def _sizes(folder: Path) -> Iterator[int]:
    for where, _, names in os.walk(folder):
        for name in names:
            try:
                yield os.lstat(os.path.join(where, name)).st_size
            except OSError:  # it was removed meanwhile
                continue
