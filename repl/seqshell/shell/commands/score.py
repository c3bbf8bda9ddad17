"""How likely texts are, token by token, without changing anything: /score."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from seqshell.core.attention_labels import END
from seqshell.core.errors import UsageError
from seqshell.core.events import Event, Notice
from seqshell.core.plugin_api import Arguments, Option, command
from seqshell.core.tasks import Task
from seqshell.core.units import UNITS
from seqshell.session.reading import slow_progress
from seqshell.shell.commands.arguments import words
from seqshell.shell.commands.output_files import TABLE_OPTION, to_file
from seqshell.shell.commands.unknown import unknown_events

if TYPE_CHECKING:
    from seqshell.shell.shell import Shell

ARROW = "=>"  # between a source and its translation


@command(
    "score",
    usage="[-o FILE] [--lines|--pairs] [--by token|word] [--space before|after] [--unit nats|bits] TEXT|@FILE",
    options=(
        Option("-o", "FILE", TABLE_OPTION["-o FILE"]),
        Option("--lines", "", "each line is a sentence, which begins with a fresh state"),
        Option("--pairs", "", "each row has two sentences: how often is the first more likely?"),
        Option("--by", "token|word", "what a row of the table is", ("token", "word")),
        Option("--space", "before|after", "the side of a word whose white space belongs to it", ("before", "after")),
        Option("--unit", "nats|bits", "instead of /set unit", UNITS),
    ),
    tasks={Task.GENERATE, Task.TRANSLATE},
    free_text=True,
    purpose="looking",
)
def score(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Show how likely each token of a text would be if it came next; the state does not change.

    For each token: its probability, its surprisal in nats or bits (/set unit), its rank (1 is the likeliest) and the
    five most likely tokens in its place; then the sum, the mean, bits per character and perplexity. A translation model
    takes /score SOURCE => TARGET.

    --by word sums the tokens of each word. With --lines, each line begins with a fresh state. --pairs reads a table of
    two columns, or JSON Lines with sentence_good and sentence_bad. The columns of -o x.tsv are sentence_id, token_id,
    token, surprisal and entropy.

        >>> /feed ROMEO
        >>> /score : What
        >>> /score --by word : What say you?
    """
    if not arguments.text:
        words(arguments, score, 1)
    options = arguments.options
    unit = str(options.get("--unit") or shell.settings.get("unit"))
    if options.keys() & {"--lines", "--pairs", "--by", "--space"}:
        from seqshell.shell.commands.score_tables import Request, table_events

        yield from table_events(shell, Request.of(options, unit), arguments.text, arguments.file)
        return
    unknown = str(shell.settings.get("unknown"))
    yield from to_file(shell, arguments, lambda: _scored(shell, arguments.text, unknown, unit))


def _scored(shell: Shell, text: str, unknown: str, unit: str) -> Iterator[Event]:
    if shell.session.model.source_tokenizer is not None:
        yield from _score_of_translation(shell, text, unknown, unit)
        return
    scoring = shell.session.behaviour.scoring(text, unknown)
    try:
        yield from slow_progress(scoring.steps(), lambda: len(scoring.tokens), len(scoring.ids), "scoring")
    except GeneratorExit:  # no event can be yielded any more
        shell.notices.append(Notice("interrupted before the text was scored"))
        raise
    yield replace(scoring.score(), unit=unit)
    yield from unknown_events(shell.session.behaviour.unknown(text))


def _score_of_translation(shell: Shell, text: str, unknown: str, unit: str) -> Iterator[Event]:
    """The score of `SOURCE => TARGET`; the end token is named."""
    source, arrow, target = (part.strip() for part in text.partition(ARROW))
    if not (source and arrow and target):
        raise UsageError(f"usage: /score SOURCE {ARROW} TARGET (how likely is TARGET as a translation of SOURCE?)")
    found = shell.session.score_translation(source, target, unknown)
    tokens = *found.tokens[:-1], replace(found.tokens[-1], text=END)
    yield replace(found, tokens=tokens, unit=unit)
    behaviour, tokenizer = shell.session.behaviour, shell.session.model.tokenizer
    yield from unknown_events([*behaviour.unknown(source), *behaviour.unknown(target, tokenizer)])
