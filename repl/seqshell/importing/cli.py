"""The options of `seqshell import`, and what it prints. The options that every subcommand has are added by the caller."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from seqshell.errors import UsageError

if TYPE_CHECKING:
    from seqshell.host import Registry


def add_import_arguments(parser: ArgumentParser) -> None:
    """The options of `seqshell import`."""
    parser.add_argument("file", metavar="FILE", help="weights of another program: .safetensors, or .pt with --allow-pt")
    parser.add_argument("--map", metavar="MAP.toml", help="which weight is which, the settings and the vocabulary")
    parser.add_argument("--out", metavar="NAME|PATH", help="the checkpoint; default: the file's name, among your models")
    parser.add_argument("--allow-pt", action="store_true", help="read .pt and .pth, with torch's weights_only")


def import_command(arguments: Namespace, registry: Registry) -> int:
    """Write the checkpoint and return 0. SeqshellErrors are the caller's."""
    raise UsageError("seqshell import is being built")
