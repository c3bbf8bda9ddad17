"""What comes next, beyond the next token: /words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from seqshell.core.events import Event, Notice
from seqshell.core.model import Task
from seqshell.core.plugin_api import Arguments, command
from seqshell.session.reading import slow_progress
from seqshell.shell.commands.arguments import whole_number, words
from seqshell.shell.commands.output_files import TABLE_OPTION, to_file

if TYPE_CHECKING:
    from seqshell.shell.shell import Shell

MAX_WORDS = 1000  # in one /words


def counts(shell: Shell, text: str) -> Iterable[str]:
    """Some numbers of words."""
    return [] if " " in text.lstrip() else ["5", "10", "20", "50"]


@command(
    "words",
    usage="[-o FILE] [K]",
    options=TABLE_OPTION,
    tasks={Task.GENERATE, Task.TRANSLATE},
    complete=counts,
    purpose="choosing",
)
def next_words(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Show the K most likely next words, whatever the tokens of the model are; the state does not change.

    A search follows the most likely beginnings up to the end of the word. The probability of a word is that of all ways
    to write it, up to and including the character after it; the second column is the most that it may be with what was
    not followed. An ellipsis means that the word continues the one that the text ends in. A word is letters, digits and
    single apostrophes and hyphens between them.

        >>> /feed ROM
        >>> /words 3
    """
    (word,) = words(arguments, next_words, 0, 1) or ("10",)
    number = whole_number(word, "the number of words", 1, MAX_WORDS)
    from seqshell.inspect.next_words import MAX_STEPS, WordSearch

    session = shell.session
    search = WordSearch(session)
    session.behaviour.navigator.forget_interrupt()
    try:
        yield from slow_progress(search.steps(), lambda: search.num_steps, MAX_STEPS, "searching")
    except GeneratorExit:  # no event can be yielded any more
        shell.notices.append(Notice("interrupted before the words were found"))
        raise
    yield from to_file(shell, arguments, [search.found(number)])
