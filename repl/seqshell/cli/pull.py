"""`seqshell pull`: its options, its question and its output. The caller adds the common options."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from seqshell.cli.plain_text import print_diagnostic
from seqshell.cli.progress import print_json, results_of
from seqshell.cli.question import agrees, can_ask
from seqshell.cli.registry import registry_for_command
from seqshell.core import paths
from seqshell.core.errors import CheckpointError, UsageError
from seqshell.core.named_files import output_file, shown_name
from seqshell.core.names import NAME
from seqshell.core.sanitize import safe
from seqshell.core.text_output import quoted, readable

if TYPE_CHECKING:
    from seqshell.downloads.part import Part
    from seqshell.downloads.sources import Source

EXAMPLES = """\
examples:
  seqshell pull hf:OWNER/REPO
  seqshell pull hf:OWNER/REPO@v2/small.safetensors --out small
  seqshell pull https://example.org/tiny.safetensors --sha256 HASH

Only .safetensors, and only over https. Size and hash are shown before the download starts, and
at a terminal it asks. A download that broke off continues when the same command is given
again. Hugging Face says the hash of a file; of other servers you can give it with --sha256.
Without one, the hash of what arrived is stored, and seqshell models --check compares with it.
HF_TOKEN is the token for private repositories, and HF_ENDPOINT another server of this kind."""
FOREIGN = "it was not written by seqshell"


def add_pull_arguments(parser: ArgumentParser) -> None:
    """The options of `seqshell pull`."""
    parser.epilog = EXAMPLES
    parser.add_argument(
        "source", metavar="SOURCE", help="a URL of https, or hf:OWNER/REPO[@REVISION][/FILE] on Hugging Face"
    )
    parser.add_argument("--out", metavar="NAME|PATH", help="the model to write; default: the name of the file")
    parser.add_argument("--sha256", metavar="HASH", default="", help="refuse a file with another hash")
    parser.add_argument("--yes", action="store_true", help="do not ask")


def pull_command(arguments: Namespace) -> int:
    """Download the model; return 0, or 1 if the answer was no. Raises SeqshellError if that is not possible."""
    from seqshell.downloads.fetching import fetch
    from seqshell.downloads.offer import look_at
    from seqshell.downloads.part import Part
    from seqshell.downloads.sources import read_source

    given = _given_hash(arguments.sha256)
    source = read_source(arguments.source)
    target = _target(source, arguments)
    offer = look_at(source)
    if given and offer.sha256 and given != offer.sha256:
        raise CheckpointError(f"the server says that the sha256 is {offer.sha256}, not {given} as given with --sha256")
    if offer.header is None:
        target = _foreign_target(target)
    vouched_by = "user" if given else "server" if offer.sha256 else ""
    part = Part(target, offer, given or offer.sha256)
    for line in _plan(part, vouched_by):
        print(safe(line), file=sys.stderr)
    if not arguments.yes and can_ask() and not agrees("download it?"):
        return 1
    try:
        list(results_of(fetch(part, vouched_by)))  # shows the progress
    except KeyboardInterrupt:
        kept = f"{part.length():,} of {offer.size:,} bytes are there; the same command continues"
        print_diagnostic(sys.stderr, f"stopped: {kept}" if part.length() else "stopped")
        raise
    _report(part, vouched_by, as_json=bool(arguments.json))
    return 0


def _given_hash(text: str) -> str:
    """The hash of --sha256 in lower case; empty without one. Raises UsageError if it is none."""
    from seqshell.models.source_record import SHA256

    if text and not SHA256.fullmatch(text.lower()):
        raise UsageError(f"--sha256 takes 64 hexadecimal digits, not {quoted(text)}")
    return text.lower()


def _target(source: Source, arguments: Namespace) -> Path:
    """The file to write, which does not exist yet. Raises UsageError for a name that is none or that a model has."""
    from seqshell.models.library import new_path

    if not arguments.out and not NAME.fullmatch(source.name):
        raise UsageError(f"{quoted(source.name)} cannot be the name of a model; --out NAME chooses one")
    folders = registry_for_command(arguments, tolerant=True).checkpoint_folders
    return new_path(arguments.out or source.name, folders)


def _foreign_target(target: Path) -> Path:
    """Where a file of another program is kept: not among the models, unless --out is a path."""
    if target.parent != paths.folder("models"):
        return target
    target = paths.output_path(target.name.removesuffix(paths.ENDING), "downloads")
    if target.exists():
        shown = shown_name(target)
        raise UsageError(f"{shown} is there already; seqshell import {shown} makes a model of it")
    return output_file(target)


def _plan(part: Part, vouched_by: str) -> list[str]:
    """What will be downloaded: from where, what it is, its size, its hash, and where it will be."""
    from seqshell.models.summary import title

    offer = part.offer
    what = title("", offer.header).removeprefix(": ") if offer.header is not None else FOREIGN
    vouched = {"user": "as given", "server": "as the server says"}
    facts = {
        "from": offer.source.url,
        "revision": offer.revision,
        "model": what,
        "size": f"{readable(offer.size)} ({offer.size:,} bytes)",
        "sha256": f"{part.sha256}, {vouched[vouched_by]}" if vouched_by else "not known before the download",
        "to": shown_name(part.target),
        "there": f"{part.length():,} bytes, from an earlier download" if part.length() else "",
    }
    return [f"{name:<9} {value}" for name, value in facts.items() if value]


def _report(part: Part, vouched_by: str, *, as_json: bool) -> None:
    """Say where the file is and what to do with it."""
    from seqshell.models.source_record import UNVOUCHED, read_record

    offer, name, path = part.offer, part.target.name.removesuffix(paths.ENDING), shown_name(part.target)
    record = read_record(part.target)
    sha256 = record.sha256 if record else part.sha256
    if as_json:
        found = {"name": name, "path": str(part.target), "is_model": offer.header is not None, "bytes": offer.size}
        source = {"url": offer.source.url, "revision": offer.revision}
        print_json({**found, "sha256": sha256, "vouched_by": vouched_by, **source})
        return
    if not vouched_by:
        print(f"sha256 {sha256}, {UNVOUCHED}")
    if offer.header is None:
        print(safe(f"wrote {path}; {FOREIGN}: seqshell import {path} makes a model of it"))
        return
    word = name if part.target.parent == paths.folder("models") else path
    print(safe(f"wrote {path}; open it with seqshell -m {word}"))
