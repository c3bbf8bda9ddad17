"""`seqshell average`: its options and its output. The caller adds the common options."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from seqshell.cli.progress import print_json
from seqshell.cli.registry import registry_for_command
from seqshell.core.named_files import shown_name
from seqshell.core.sanitize import safe

EXAMPLES = """\
examples:
  seqshell average mine ./again.safetensors -o both

Average models that were trained from one beginning, such as two trainings --from the same model. While a model trains,
training.average_checkpoints=5 tries the average of its last five epochs."""


def add_average_arguments(parser: ArgumentParser) -> None:
    """The options of `seqshell average`."""
    parser.epilog = EXAMPLES
    parser.add_argument(
        "models", nargs="+", metavar="MODEL", help="checkpoints of one architecture, config and vocabulary"
    )
    parser.add_argument("-o", dest="output", metavar="NAME|PATH", required=True, help="the checkpoint to write")


def average_command(arguments: Namespace) -> int:
    """Write the checkpoint and return 0. Raises SeqshellError if the models have no average."""
    from seqshell.models.averaging import average_models

    path = average_models(arguments.models, registry_for_command(arguments), arguments.output)
    if arguments.json:
        print_json({"models": arguments.models, "file": str(path)})
        return 0
    print(safe(f"wrote {shown_name(path)}, the average of {len(arguments.models)} models"))
    return 0
