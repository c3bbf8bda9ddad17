"""/probe: what a linear classifier reads from each layer of the state."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from seqshell.core.errors import UsageError
from seqshell.core.events import Event
from seqshell.core.plugin_api import Arguments, command
from seqshell.core.text_files import read_file
from seqshell.shell.commands.output_files import TABLE_OPTION, to_file
from seqshell.shell.commands.pattern_words import pattern_and_file
from seqshell.shell.commands.slow_work import slowly

if TYPE_CHECKING:
    from seqshell.inspect.probes import Probing
    from seqshell.shell.shell import Shell


@command(
    "probe",
    usage="[-o FILE] [LABELS.tsv] [--regex PATTERN] [@FILE]",
    options={**TABLE_OPTION, "--regex": "labels are inside and outside the matches of a regular expression"},
    free_text=True,
    purpose="looking",
)
def probe(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    r"""Show how well a linear classifier reads labels from each layer of the state; the state does not change.

    LABELS.tsv, or .csv, has a column label and one of token, text or word: each row is read, and its label is that of
    the state after it. Rows of the column word are divided by a space, others are read as they are. With a column
    sentence_id, each sentence begins anew. With --regex, each token of a text is inside a match or outside: the text is
    that of FILE, read from the state here, or of this branch.

    The accuracy is on text that the classifier was not fitted to. Beside it are that of always saying the most frequent
    label (majority), and of a control task: a random label for each type of word, which can only be memorised (Hewitt
    and Liang 2019). The accuracy minus that of the control is the selectivity.

        >>> /feed But soft! What light through
        >>> /feed yonder window breaks? It is the east
        >>> /probe --regex [A-Z]\w+
    """
    yield from to_file(shell, arguments, lambda: _probe(shell, arguments))


def _probe(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    found = _probing(shell, arguments)
    yield from slowly(shell, found.reading(), lambda: found.done, found.total, "reading")
    number = found.num_parts
    yield from slowly(shell, found.fitting(), lambda: found.done, number, "fitting", "probe")
    yield found.probes()


def _probing(shell: Shell, arguments: Arguments) -> Probing:
    """The work. UsageError if the arguments do not fit."""
    from seqshell.inspect import probe_labels
    from seqshell.inspect.probes import Probing

    session, text = shell.session, arguments.text.strip()
    if not text and not arguments.file:
        raise UsageError(f"missing argument; usage: /probe {probe.usage}")
    if not arguments.options.get("--regex"):
        from seqshell.core.tables.reading import parse_table

        table = parse_table(text, read_file(text, shell.read_stdin), header="yes")
        return Probing(session, *probe_labels.from_table(session, table))
    from seqshell.inspect.tracing import branch_text

    pattern, file, content = pattern_and_file(shell, arguments.text, probe)
    if file:
        ids, record = session.behaviour.encode(content, str(shell.settings.get("unknown"))), None
    else:
        ids, record = branch_text(session)
    return Probing(session, *probe_labels.from_pattern(session, pattern, ids, record))
