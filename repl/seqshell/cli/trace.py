"""`seqshell trace`: its options and output. The work is that of /trace, on a model at its initial state."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from seqshell.cli.progress import print_json, results_of
from seqshell.cli.registry import registry_for_command
from seqshell.cli.result_output import print_result
from seqshell.cli.units import chosen_unit
from seqshell.cli.unknown import add_set_argument, hints_of_subcommands
from seqshell.core.errors import UsageError
from seqshell.core.text_files import read_file
from seqshell.core.text_output import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seqshell.core.events import Event
    from seqshell.inspect.trace_work import TraceWork


def add_trace_arguments(parser: ArgumentParser) -> None:
    """Add the options of `seqshell trace`."""
    parser.add_argument("file", metavar="FILE", help="a text file; - is stdin")
    parser.add_argument(
        "-m", dest="model", default="shakespeare", metavar="MODEL", help="a checkpoint, by name or path"
    )
    parser.add_argument(
        "-o",
        dest="output",
        default="",
        metavar="FILE",
        help="write arrays (.npz, .safetensors), a table (.tsv, .csv), or the tokens alone (.json, .txt, .html, .svg, "
        ".png, .pdf)",
    )
    parser.add_argument(
        "--what",
        default="",
        metavar="NAMES",
        help="arrays to write, such as hidden,cell,input,forget,output,candidate,update,reset,logits; default: the "
        "state, and in a table none",
    )
    parser.add_argument("--layer", default="", metavar="N", help="write only this layer, from 0")
    parser.add_argument("--lines", action="store_true", help="begin each line at the initial state")
    add_set_argument(parser)


def trace_command(arguments: Namespace) -> int:
    """Trace a file and write the arrays, or print the table of its tokens. Returns 0; the caller handles
    SeqshellError.
    """
    from seqshell.cli.options import settings_of_options
    from seqshell.inspect.trace_choice import parse_choice
    from seqshell.inspect.trace_files import trace_place
    from seqshell.inspect.trace_work import TraceWork, texts_of
    from seqshell.models.opening import open_model
    from seqshell.session import Session
    from seqshell.shell.setting_specs import SHELL_SETTINGS, read_value

    path = trace_place(arguments.output, has_choice=bool(arguments.what or arguments.layer))
    choice = parse_choice(arguments.what, arguments.layer)
    text = read_file(arguments.file, sys.stdin.read)
    session = Session(open_model(arguments.model, registry_for_command(arguments)))
    settings = {"unknown": "error", "unit": None, **dict(settings_of_options(arguments.settings))}
    if others := settings.keys() - {"unknown", "unit"}:
        raise UsageError(f"trace has no setting {quoted(min(others))}; it has unknown and unit")
    unknown = str(read_value(SHELL_SETTINGS["unknown"], settings["unknown"]))
    unit = settings["unit"] and str(read_value(SHELL_SETTINGS["unit"], settings["unit"]))
    with hints_of_subcommands():
        texts = texts_of(session, text, by_line=arguments.lines, unknown=unknown)
    work = TraceWork(session, texts, choice, chosen_unit(unit))
    (found,) = results_of(_events(work, path))
    if arguments.json:
        print_json(found.as_json())
    elif path is None:
        print_result(found, sys.stdout)
    else:
        print(work.summary(path), file=sys.stderr)
    return 0


def _events(work: TraceWork, path: Path | None) -> Iterator[Event]:
    from seqshell.core.events import Data
    from seqshell.session.reading import slow_progress

    yield from slow_progress(work.steps(path), lambda: work.done, work.total, "tracing")
    yield work.found() if path is None else Data(work.written(path))
