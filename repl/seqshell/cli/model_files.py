"""`seqshell cp` and `seqshell rm`: copy and remove models. The caller adds the common options."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from seqshell.cli.progress import print_json
from seqshell.cli.question import agrees, can_ask
from seqshell.cli.registry import registry_for_command
from seqshell.core import paths
from seqshell.core.errors import UsageError
from seqshell.core.named_files import shown_name
from seqshell.core.sanitize import safe
from seqshell.core.text_output import readable
from seqshell.models.library import Removable, copy_model, removable

CP_EXAMPLES = """\
examples:
  seqshell cp shakespeare mine
  seqshell cp mine ./mine.safetensors

The copy is the same file, byte for byte. A file that exists is never replaced."""
RM_EXAMPLES = """\
examples:
  seqshell rm mine
  seqshell rm mine --yes

Only models in your models folder are removed: those that ship with seqshell or belong to a
plugin stay. Where nobody can answer, such as in a pipe, --yes is needed. A symbolic link is
removed, and the file that it leads to stays."""


def add_cp_arguments(parser: ArgumentParser) -> None:
    """The options of `seqshell cp`."""
    parser.epilog = CP_EXAMPLES
    parser.add_argument("model", metavar="NAME|FILE", help="the model to copy, by name or path")
    parser.add_argument("new", metavar="NEW", help="a name in your models folder, or a path")


def cp_command(arguments: Namespace) -> int:
    """Copy the model and return 0. Raises SeqshellError if that is not possible."""
    folders = registry_for_command(arguments, tolerant=True).checkpoint_folders
    path = copy_model(arguments.model, arguments.new, folders)
    if arguments.json:
        print_json({"model": path.name.removesuffix(paths.ENDING), "path": str(path), "bytes": path.stat().st_size})
        return 0
    print(safe(f"wrote {shown_name(path)} ({readable(path.stat().st_size)})"))
    return 0


def add_rm_arguments(parser: ArgumentParser) -> None:
    """The options of `seqshell rm`."""
    parser.epilog = RM_EXAMPLES
    parser.add_argument("model", metavar="NAME", help="a model in your models folder")
    parser.add_argument("--yes", action="store_true", help="do not ask")


def rm_command(arguments: Namespace) -> int:
    """Remove the model after a question; return 0, or 1 if the answer was no. Raises SeqshellError."""
    found = removable(arguments.model, registry_for_command(arguments, tolerant=True).checkpoint_folders)
    if not arguments.yes:
        if not can_ask():
            raise UsageError(f"rm asks before it removes {found.name}, and nobody can answer here; add --yes")
        if not agrees(f"remove {_described(found)}?"):
            return 1
    found.remove()
    if arguments.json:
        print_json({"removed": found.name, "path": str(found.path), "bytes": found.size})
        return 0
    hidden = f"; {found.name} is now {shown_name(found.hides)}" if found.hides else ""
    print(safe(f"removed {_described(found)}{hidden}"))
    return 0


def _described(found: Removable) -> str:
    if found.target is not None:
        return f"the link {shown_name(found.path)}, not the file that it leads to, {shown_name(found.target)}"
    return f"{shown_name(found.path)} ({readable(found.size)})"
