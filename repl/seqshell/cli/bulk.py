"""`seqshell bulk`: its options and output. The work is that of `seqshell.bulk`, in other processes."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from seqshell.bulk.job import VERBS, Job
from seqshell.cli.options import add_model_argument, chosen_model, settings_of_options
from seqshell.cli.plain_text import print_diagnostic
from seqshell.cli.progress import results_of
from seqshell.cli.signals import StopSignals
from seqshell.cli.units import add_unit_argument, chosen_unit
from seqshell.cli.unknown import add_set_argument
from seqshell.core.errors import UsageError

if TYPE_CHECKING:
    from seqshell.bulk.run import Runner

MAX_WORKERS = 1024
LINE_BYTES = 80  # of a line, about
JSON_LINES = (".jsonl", ".ndjson")


def add_bulk_arguments(parser: ArgumentParser) -> None:
    """Add the options of `seqshell bulk`."""
    parser.add_argument("verb", choices=tuple(VERBS), metavar="VERB", help=f"for each line: {', '.join(VERBS)}")
    parser.add_argument("files", nargs="+", metavar="FILE", help="text files, or .gz; each line is a text or a series")
    add_model_argument(parser, "a checkpoint, by name or path; several are an ensemble, as is NAME+NAME")
    parser.add_argument(
        "-o",
        dest="output",
        required=True,
        metavar="OUT",
        help="one line for each line of the files, in their order; an ending .jsonl asks for --json",
    )
    parser.add_argument("--workers", type=_workers, metavar="N", help="processes; default: one for each core")
    parser.add_argument(
        "--ray", default="", metavar="ADDRESS|auto", help="work on a Ray cluster (pip install 'seqshell[cluster]')"
    )
    parser.add_argument("--resume", action="store_true", help="continue an output that is not finished")
    parser.add_argument(
        "--strategy", default="", metavar="NAME FIELD=VALUE", help='of translations, such as "beam width=5"'
    )
    add_set_argument(parser, "a setting, as of /set")
    parser.add_argument("--what", default="", metavar="NAMES", help="arrays of a trace, such as hidden,cell,logits")
    add_unit_argument(parser)


def _workers(arg: str) -> int:
    if not (arg.isascii() and arg.isdigit() and 1 <= int(arg[:9]) <= MAX_WORKERS):
        raise ArgumentTypeError(f"must be a whole number from 1 to {MAX_WORKERS:,}, not {arg!r}")
    return int(arg)


def bulk_command(arguments: Namespace) -> int:
    """Do the work; returns 0, or 128 + the number of the signal that stopped it. The caller handles SeqshellError."""
    from seqshell.bulk.output import Output
    from seqshell.bulk.run import Counts, run

    job = _job(arguments)
    output, counts = Output(arguments.output), Counts()
    for name in arguments.files:
        if output.path.exists() and Path(name).exists() and output.path.samefile(name):
            raise UsageError(f"-o: {name} is also an input; write to another file")
    if arguments.resume and output.path.exists() and not output.is_unfinished:
        print_diagnostic(sys.stderr, f"{arguments.output} is finished; nothing to resume")
        return 0
    output.check(arguments.resume)
    with StopSignals() as signals:
        try:
            for _ in results_of(run(job, arguments.files, output, counts, _runner(arguments, job, output.backend))):
                pass
        except KeyboardInterrupt:
            return signals.exit_code
        finally:
            if counts.is_whole or output.num_lines:
                print_diagnostic(sys.stderr, counts.summary(arguments.output))
    return 0


def _job(arguments: Namespace) -> Job:
    if arguments.what and arguments.verb != "trace":
        raise UsageError("--what is for bulk trace")
    if arguments.strategy and arguments.verb != "translate":
        raise UsageError("--strategy is for bulk translate")
    return Job(
        arguments.verb,
        chosen_model(arguments) or "",
        settings_of_options(arguments.settings),
        arguments.strategy,
        bool(arguments.json) or arguments.verb == "trace" or arguments.output.lower().endswith(JSON_LINES),
        chosen_unit(arguments.unit),
        arguments.what,
        arguments.seed or 0,
        arguments.no_plugins,
        tuple(arguments.plugins),
    )


def _runner(arguments: Namespace, job: Job, backend: str) -> Callable[[], AbstractContextManager[Runner]]:
    """Makes what works on the batches. backend: of the results that are there already."""
    from seqshell.bulk.lines import BATCH_LINES, size_of
    from seqshell.bulk.pool import Pool
    from seqshell.core.threads import available_cores

    num_batches = size_of(arguments.files) // (BATCH_LINES * LINE_BYTES)
    if arguments.ray:
        from seqshell.bulk.ray_data import RayRunner

        return lambda: RayRunner(job, arguments.ray, arguments.workers, num_batches, backend)
    return lambda: Pool(job, arguments.workers or available_cores(), num_batches, backend)
