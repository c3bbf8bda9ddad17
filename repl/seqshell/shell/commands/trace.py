"""/trace: the state, the gates, the outputs and the surprisal after each token of a text, as arrays in a file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from seqshell.core.errors import SeqshellError, UsageError
from seqshell.core.events import Data, Event, Notice
from seqshell.core.named_files import output_file, shown_name
from seqshell.core.plugin_api import Arguments, Option, command
from seqshell.core.view_files import PICTURES, TABLES
from seqshell.session.reading import slow_progress
from seqshell.shell.commands.arguments import words
from seqshell.shell.commands.output_files import to_file
from seqshell.shell.commands.unknown import unknown_events

if TYPE_CHECKING:
    from seqshell.shell.shell import Shell

ARCHIVES = (".npz", ".safetensors")
OTHERS = (".json", ".txt", *PICTURES)  # of the table of tokens


def _names(shell: Shell, text: str) -> list[str]:
    """What may complete the value of --what: the names of a trace of one token, after names and commas."""
    from seqshell.inspect.trace_choice import available
    from seqshell.inspect.tracing import trace as traced

    before, comma, _ = re.split(r"\s", text)[-1].rpartition(",")
    try:
        names = available(traced(shell.session, [0]))
    except SeqshellError:  # a model without a state, or one of values
        return []
    return [f"{before}{comma}{name}" for name in names]


@command(
    "trace",
    usage="[-o FILE] [--what NAMES] [--layer N] [--lines] TEXT|@FILE",
    options=(
        Option("-o", "FILE", "write arrays (.npz, .safetensors), a table (.tsv, .csv), or .json, .txt, .html, .svg"),
        Option("--what", "NAMES", "arrays to write, such as hidden,cell,forget,logits; default: the state", (), _names),
        Option("--layer", "N", "only this layer, from 0"),
        Option("--lines", "", "read each line from the state here"),
    ),
    free_text=True,
    purpose="looking",
)
def trace(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Show the surprisal of each token of a text, or write its states as arrays; the state does not change.

    The text is read from the state here, which stays where it is; /reset before it reads the text from the beginning.
    Position is the number of tokens before a token, and the surprisal is in the unit of /set unit.

    The NAMES of arrays are the leaves of the state, each as it is after the token, logits, and what the model tells
    besides: input, forget, output and candidate of an LSTM; reset, update and candidate of a GRU; hidden and cell. In a
    table, each number is a column, such as hidden[0,3]. A file of any length needs little memory. Ctrl-C leaves the
    file as it was.

        >>> /feed ROMEO:
        >>> /trace " What"
        >>> /trace -o what.npz " What light"
        >>> /trace -o gates.tsv --what forget " What"
    """
    from seqshell.inspect.trace_choice import parse_choice
    from seqshell.inspect.trace_work import TraceWork, texts_of

    if not (arguments.text or arguments.file or arguments.quoted):
        words(arguments, trace, 1)
    options, session = arguments.options, shell.session
    path = _place(str(options.get("-o", "")))
    for flag in ("--what", "--layer"):
        if flag in options and (path is None or path.suffix.lower() not in (*ARCHIVES, *TABLES)):
            raise UsageError(f"{flag} is of arrays: write them to a file, with -o FILE.npz, .safetensors, .tsv or .csv")
    choice = parse_choice(str(options.get("--what", "")), str(options.get("--layer", "")))
    by_line, unknown = bool(options.get("--lines")), str(shell.settings.get("unknown"))
    texts = texts_of(session, arguments.text, by_line=by_line, unknown=unknown)
    work = TraceWork(session, texts, choice, str(shell.settings.get("unit")))
    file = path if path is not None and path.suffix.lower() in (*ARCHIVES, *TABLES) else None
    try:
        yield from slow_progress(work.steps(file), lambda: work.done, work.total, "tracing")
    except GeneratorExit:  # no event can be yielded any more
        shell.notices.append(Notice("interrupted before the text was traced"))
        raise
    if file is None:
        yield from to_file(shell, arguments, [work.found()])
    else:
        if shell.interactive:
            yield Notice(work.summary(file))
        yield Data(work.written(file))
    yield from unknown_events(session.behaviour.unknown(arguments.text, session.model.tokenizer))


def _place(word: str) -> Path | None:
    """The path to write to, checked before the work. UsageError if it cannot be written."""
    if not word:
        return None
    path = output_file(word)
    if path.suffix.lower() not in (*ARCHIVES, *TABLES, *OTHERS):
        raise UsageError(
            f"unknown ending of {shown_name(word)}; use .npz or .safetensors for arrays, .tsv or .csv for a table, or "
            ".json, .txt, .html, .svg or .png",
            code="ending",
        )
    return path
