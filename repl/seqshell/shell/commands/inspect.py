"""Inspecting without changing anything: /top and /score."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from seqshell.core.attention_labels import END
from seqshell.core.errors import UsageError
from seqshell.core.events import Event, Notice
from seqshell.core.model import Task
from seqshell.core.plugin_api import Arguments, command
from seqshell.session.reading import slow_progress
from seqshell.shell.commands.arguments import whole_number, words
from seqshell.shell.commands.output_files import TABLE_OPTION, to_file
from seqshell.shell.commands.unknown import unknown_events

if TYPE_CHECKING:
    from seqshell.shell.shell import Shell

MAX_SHOWN = 1000  # tokens in one /top
ARROW = "=>"  # between a source and its translation


@command("top", usage="[-o FILE] [K]", options=TABLE_OPTION, tasks={Task.GENERATE, Task.TRANSLATE}, purpose="looking")
def top(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Show the K most likely next tokens, before and after the sampler chain; the state does not change.

    >>> /feed ROMEO
    >>> /top 5
    """
    (word,) = words(arguments, top, 0, 1) or ("10",)
    found = shell.session.top(whole_number(word, "the number of tokens", 1, MAX_SHOWN))
    yield from to_file(shell, arguments, [found])


@command(
    "score",
    usage="[-o FILE] TEXT|@FILE",
    options=TABLE_OPTION,
    tasks={Task.GENERATE, Task.TRANSLATE},
    free_text=True,
    purpose="looking",
)
def score(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Show how likely each token of a text would be if it came next; the state does not change.

    For each token: its probability, its surprisal in nats or bits (/set unit), its rank (1 is the likeliest) and the
    five most likely tokens in its place; then the sum, the mean, bits per character and perplexity. A translation model
    takes /score SOURCE => TARGET.

        >>> /feed ROMEO
        >>> /score : What
    """
    if not arguments.text:
        words(arguments, score, 1)
    yield from to_file(shell, arguments, _scored(shell, arguments.text, str(shell.settings.get("unknown"))))


def _scored(shell: Shell, text: str, unknown: str) -> Iterator[Event]:
    if shell.session.model.source_tokenizer is not None:
        yield from _score_of_translation(shell, text, unknown)
        return
    scoring = shell.session.behaviour.scoring(text, unknown)
    try:
        yield from slow_progress(scoring.steps(), lambda: len(scoring.tokens), len(scoring.ids), "scoring")
    except GeneratorExit:  # no event can be yielded any more
        shell.notices.append(Notice("interrupted before the text was scored"))
        raise
    yield replace(scoring.score(), unit=str(shell.settings.get("unit")))
    yield from unknown_events(shell.session.behaviour.unknown(text))


def _score_of_translation(shell: Shell, text: str, unknown: str) -> Iterator[Event]:
    """The score of `SOURCE => TARGET`; the end token is named."""
    source, arrow, target = (part.strip() for part in text.partition(ARROW))
    if not (source and arrow and target):
        raise UsageError(f"usage: /score SOURCE {ARROW} TARGET (how likely is TARGET as a translation of SOURCE?)")
    found = shell.session.score_translation(source, target, unknown)
    tokens = *found.tokens[:-1], replace(found.tokens[-1], text=END)
    yield replace(found, tokens=tokens, unit=str(shell.settings.get("unit")))
    behaviour, tokenizer = shell.session.behaviour, shell.session.model.tokenizer
    yield from unknown_events([*behaviour.unknown(source), *behaviour.unknown(target, tokenizer)])
