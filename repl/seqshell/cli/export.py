"""`seqshell export`: its options and its output. The caller adds the common options."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from seqshell.cli.progress import print_json
from seqshell.cli.registry import registry_for_command
from seqshell.core.named_files import shown_name
from seqshell.core.sanitize import safe

EXAMPLES = """\
examples:
  seqshell export shakespeare --to pytorch
  seqshell export shakespeare --to onnx -o lstm.onnx

The first writes shakespeare.py, its weights in shakespeare.pt, and the tokens in shakespeare.json.
In the shell, /export writes the results of a session, not a model."""


def add_export_arguments(parser: ArgumentParser) -> None:
    """The options of `seqshell export`."""
    parser.epilog = EXAMPLES
    parser.add_argument("model", metavar="MODEL", help="a checkpoint, by name or path")
    parser.add_argument(
        "--to",
        dest="form",
        required=True,
        choices=["pytorch", "onnx"],
        help="pytorch: a Python file that needs only torch, with its weights beside it; onnx: a graph with the state "
        "as inputs and outputs",
    )
    parser.add_argument(
        "-o", dest="output", metavar="FILE", help="file to write, .py or .onnx; default: named after MODEL, here"
    )


def export_command(arguments: Namespace) -> int:
    """Write the files and return 0. Raises SeqshellError if the model cannot be exported."""
    from seqshell.models.exporting import export_model

    written = export_model(arguments.model, registry_for_command(arguments), arguments.form, arguments.output)
    if arguments.json:
        print_json({"model": arguments.model, "to": arguments.form, "files": [str(path) for path in written]})
        return 0
    names = ", ".join(shown_name(path) for path in written)
    hint = f"; run python {shown_name(written[0])}" if arguments.form == "pytorch" else ""
    print(safe(f"wrote {names}{hint}"))
    return 0
