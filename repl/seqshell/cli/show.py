"""`seqshell show`: a model's card, figures, origin, size and hash, from its file. Imports neither torch nor numpy."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seqshell.cli.progress import print_json
from seqshell.cli.registry import registry_for_command
from seqshell.cli.result_output import print_result
from seqshell.cli.units import chosen_unit
from seqshell.core import paths
from seqshell.core.text_output import counted
from seqshell.models.file import read_header, require_kind
from seqshell.models.library import owner_of
from seqshell.models.source_record import SourceRecord, read_record, sha256_of
from seqshell.models.summary import about, examples, title
from seqshell.shell.commands.info import facts, written

EXAMPLES = """\
examples:
  seqshell show shakespeare
  seqshell show ./mine.safetensors --json

In the shell, /info describes the current model, with its parts and its state."""
MAX_LISTED = 20  # labels and columns
OWNERS = {"yours": "your models folder", "seqshell": "ships with seqshell", "a plugin": "of a plugin", "": ""}


def add_show_arguments(parser: ArgumentParser) -> None:
    """The options of `seqshell show`."""
    parser.epilog = EXAMPLES
    parser.add_argument("model", metavar="NAME|FILE", help="a model, by name or path")


def show_command(arguments: Namespace) -> int:
    """Print what a model's file says about it, and return 0. Raises CheckpointError if it is no model."""
    folders = registry_for_command(arguments, tolerant=True).checkpoint_folders
    path = paths.find_checkpoint(arguments.model, folders)
    header = read_header(path)
    require_kind(header, "model", path, arguments.model)
    name, size, sha256 = path.name.removesuffix(paths.ENDING), path.stat().st_size, sha256_of(path)
    record, owner = read_record(path), owner_of(path, folders)
    if arguments.json:
        print_json(_as_json(name, path, header, record) | {"owner": owner, "bytes": size, "sha256": sha256})
        return 0
    provenance = _object(header, "provenance")
    file = {"file": str(path), "owner": OWNERS[owner], "size": f"{size:,} bytes", "sha256": sha256}
    trained = {key: written(_names(value)) for key, value in provenance.items() if key not in ("metrics", "recipe")}
    figures = {key: written(value) for key, value in _object(provenance, "metrics").items()}
    parts = (_card(name, header), figures, trained, file | _source(record, sha256))
    for number, table in enumerate(filter(lambda part: part.rows, map(facts, parts))):
        print_result("", sys.stdout) if number else None
        print_result(table, sys.stdout)
    return 0


def _card(name: str, header: Mapping[str, Any]) -> dict[str, str]:
    """What the model is and does."""
    owner = header.get("owner", "")
    series = _object(header, "series")
    return {
        "model": f"{name} ({header['task']})",
        "summary": title("", header, unit=chosen_unit(None)).removeprefix(": "),
        "about": about(header),
        "architecture": f"{header['architecture']} from {owner}" if owner else header["architecture"],
        "settings": written(header["config"]),
        "tokenizer": str(header["tokenizer"].get("name", "")),
        "source tokens": str(_object(header, "source_tokenizer").get("name", "")),
        "labels": _listed(header.get("labels"), "label"),
        "series": _listed(series.get("columns"), "column"),
        "parameters": f"{header['parameters']:,}" if "parameters" in header else "",
        "defaults": written({key: value for key, value in _object(header, "defaults").items() if value}),
        "examples": written(list(map(repr, examples(header)))),
    }


def _source(record: SourceRecord | None, sha256: str) -> dict[str, str]:
    """Where the file was downloaded from, and whether it still is what was downloaded."""
    if record is None:
        return {}
    hash = record.voucher if record.sha256 == sha256 else f"not that of the download, {record.sha256}"
    return {"downloaded": record.url, "revision": record.revision, "hash": hash}


def _as_json(name: str, path: Path, header: Mapping[str, Any], record: SourceRecord | None) -> dict[str, Any]:
    """What the file says about the model, and where it is from."""
    fields = ("task", "architecture", "parameters", "config", "labels", "defaults", "provenance")
    found = {key: header.get(key) for key in fields}
    summary = title("", header).removeprefix(": ")
    given = {"model": name, "summary": summary, "about": about(header), "examples": list(examples(header))}
    return given | found | {"path": str(path), "downloaded": vars(record) if record else None}


def _names(value: Any) -> Any:
    """A value, in which a model that others were made of is its name alone."""
    if isinstance(value, list):
        return [_names(item) for item in value]
    return value["name"] if isinstance(value, Mapping) and {"name", "fingerprint"} <= value.keys() else value


def _object(values: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """A field that is an object; empty if it is missing or anything else."""
    found = values.get(key)
    return found if isinstance(found, Mapping) else {}


def _listed(values: Any, thing: str) -> str:
    """The first of some names, with their number; empty if there are none."""
    if not isinstance(values, list) or not values:
        return ""
    more = ", ..." if len(values) > MAX_LISTED else ""
    return f"{counted(len(values), thing)}: {', '.join(map(str, values[:MAX_LISTED]))}{more}"
