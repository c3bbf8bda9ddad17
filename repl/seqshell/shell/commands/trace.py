"""/trace: the state, the gates, the outputs and the surprisal after each token of a text, as arrays in a file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from seqshell.core.errors import SeqshellError
from seqshell.core.events import Event, Notice
from seqshell.core.plugin_api import Arguments, Option, command
from seqshell.session.reading import slow_progress
from seqshell.shell.commands.arguments import words
from seqshell.shell.commands.output_files import origin, written
from seqshell.shell.commands.unknown import unknown_events

if TYPE_CHECKING:
    from seqshell.shell.shell import Shell


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

    The NAMES of arrays are the leaves of the state, each as it is after the token, logits, and what the model traces
    besides: input, forget, output and candidate of an LSTM; reset, update and candidate of a GRU; hidden and cell. In a
    table, each number is a column, such as hidden[0,3]. A file of any length needs little memory. Ctrl-C leaves the
    file as it was.

        >>> /feed ROMEO:
        >>> /trace " What"
        >>> /trace -o what.npz " What light"
        >>> /trace -o gates.tsv --what forget " What"
    """
    from seqshell.inspect.trace_choice import parse_choice
    from seqshell.inspect.trace_files import trace_place
    from seqshell.inspect.trace_work import TraceWork, texts_of

    if not (arguments.text or arguments.file or arguments.quoted):
        words(arguments, trace, 1)
    options, session = arguments.options, shell.session
    path = trace_place(str(options.get("-o", "")), has_choice=bool({"--what", "--layer"} & options.keys()))
    choice = parse_choice(str(options.get("--what", "")), str(options.get("--layer", "")))
    by_line, unknown = bool(options.get("--lines")), str(shell.settings.get("unknown"))
    texts = texts_of(session, arguments.text, by_line=by_line, unknown=unknown)
    work = TraceWork(session, texts, choice, str(shell.settings.get("unit")))
    try:
        yield from slow_progress(work.steps(path, origin(shell)), lambda: work.done, work.total, "tracing")
    except GeneratorExit:  # no event can be yielded any more
        shell.notices.append(Notice("interrupted before the text was traced"))
        raise
    if path is None:
        yield work.found()
    else:
        yield from written(shell, path, work.written(path), work.summary(path))
    yield from unknown_events(session.behaviour.unknown(arguments.text, session.model.tokenizer))
