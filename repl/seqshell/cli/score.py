"""`seqshell score`: the surprisal of each token or word of a file as a table, or of sentences in pairs.

The caller adds the options that all subcommands share: --json, --device, --seed, -p, --no-plugins.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING

from seqshell.cli.plain_text import print_diagnostic
from seqshell.cli.progress import print_json, results_of
from seqshell.cli.script_source import read_stdin
from seqshell.cli.units import add_unit_argument
from seqshell.cli.unknown import add_set_argument, hints_of_subcommands
from seqshell.core.events import Event, Notice, Progress
from seqshell.core.text_files import read_file

if TYPE_CHECKING:
    from seqshell.shell.commands.score_tables import Request
    from seqshell.shell.shell import Shell


def add_score_arguments(parser: ArgumentParser) -> None:
    """Add the options of `seqshell score`."""
    parser.add_argument("-m", dest="model", metavar="MODEL", help="language model; default: shakespeare")
    parser.add_argument("file", metavar="FILE", help="a text, or with --pairs a table or JSON Lines; - is stdin")
    parser.add_argument(
        "-o", dest="output", default="", metavar="FILE", help="write to FILE, by its ending, not to stdout"
    )
    parser.add_argument("--lines", action="store_true", help="each line is a sentence, which begins with a fresh state")
    parser.add_argument(
        "--pairs",
        action="store_true",
        help="how often is the first sentence of a row more likely? two columns, or sentence_good and sentence_bad",
    )
    parser.add_argument("--by", choices=("token", "word"), help="what a row of the table is; default: token")
    parser.add_argument(
        "--space", choices=("before", "after"), help="the side of a word whose white space belongs to it"
    )
    add_unit_argument(parser)
    add_set_argument(parser)


def score_command(arguments: Namespace) -> int:
    """Score the file: the table, or one JSON object, on stdout, and notes on stderr.

    Returns 0; the caller handles SeqshellError. Ctrl-C keeps the rows that were written so far.
    """
    from seqshell.cli.options import settings_of_options
    from seqshell.shell.commands.score_tables import Request
    from seqshell.shell.startup import Options, build_shell

    settings = settings_of_options(arguments.settings)
    given = {"--by": arguments.by, "--space": arguments.space, "-o": arguments.output}
    given |= {"--lines": arguments.lines, "--pairs": arguments.pairs}
    request = Request.of({flag: value for flag, value in given.items() if value}, arguments.unit or "")
    shell = build_shell(
        Options(
            model=arguments.model,
            settings=settings,
            seed=arguments.seed,
            no_plugins=arguments.no_plugins,
            plugins=tuple(arguments.plugins),
        ),
        on_slow=lambda text: print_diagnostic(sys.stderr, text),
    )
    try:
        _print_notices(shell)
        _score(shell, request.in_unit(arguments.unit or str(shell.settings.get("unit"))), arguments)
    finally:
        _print_notices(shell)
        shell.end()
    return 0


def _score(shell: Shell, request: Request, arguments: Namespace) -> None:
    from seqshell.shell.commands.score_tables import table_events

    text = read_file(arguments.file, read_stdin)
    streams = not arguments.json and not request.file
    out = sys.stdout if streams else None
    with hints_of_subcommands(), closing(table_events(shell, request, text, arguments.file, out)) as events:
        for event in results_of(_without_progress(events) if streams and sys.stdout.isatty() else events):
            if isinstance(event, Event) and arguments.json:
                print_json(event.as_json())


def _without_progress(events: Iterable[Event]) -> Iterator[Event]:
    """The events without a progress bar between the rows."""
    return (event for event in events if not isinstance(event, Progress))


def _print_notices(shell: Shell) -> None:
    for notice in shell.take_notices():
        print_diagnostic(sys.stderr, notice.text if isinstance(notice, Notice) else notice.as_text() or "")
