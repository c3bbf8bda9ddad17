"""/what-if: the last translation with another source word."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from seqshell.core.errors import UsageError
from seqshell.core.events import Event
from seqshell.core.plugin_api import Arguments, command
from seqshell.core.text_output import quoted
from seqshell.shell.commands.arguments import words
from seqshell.shell.commands.output_files import TABLE_OPTION, to_file
from seqshell.shell.commands.translate import translating_session

if TYPE_CHECKING:
    from seqshell.shell.shell import Shell


def source_words(shell: Shell, text: str) -> Iterable[str]:
    """The words of the last source, each with an equals sign."""
    session = translating_session(shell)
    source = session.behaviour.cursor.timeline.source(session.here.node)
    return () if source is None else [f"{word}=" for word in source.text.split()]


@command("what-if", usage="[-o FILE] OLD=NEW ...", options=TABLE_OPTION, complete=source_words, purpose="tasks")
def what_if(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Show the last translation beside that of a source with another word; the state does not change.

    Each OLD is a whole word of the source. A star marks what differs. The last two columns are the attention weights of
    each word on the old and on the new word, for models with attention. NEW may be several words: "Hund=alter Hund".

        >>> /translate i love you
        >>> /what-if you=him
    """
    session = translating_session(shell)
    from seqshell.inspect.what_if import what_if as compared

    swaps = _swaps(words(arguments, what_if, 1))
    yield from to_file(shell, arguments, lambda: [compared(session, swaps)])


def _swaps(pairs: Iterable[str]) -> Mapping[str, str]:
    swaps = {}
    for pair in pairs:
        old, equals, new = pair.partition("=")
        if not (old and equals and new.strip()):
            raise UsageError(f"cannot read {quoted(pair)}; write OLD=NEW, such as dog=cat")
        swaps[old] = new
    return swaps
