"""What comes next, beyond the next token: /words, and /tree, the tokens that may follow each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from seqshell.core.errors import UsageError
from seqshell.core.events import Event, Notice
from seqshell.core.plugin_api import Arguments, Setting, command
from seqshell.core.tasks import Task
from seqshell.core.text_output import quoted
from seqshell.session.reading import slow_progress
from seqshell.shell.commands.arguments import assignments, whole_number, words
from seqshell.shell.commands.output_files import TABLE_OPTION, to_file

if TYPE_CHECKING:
    from seqshell.shell.shell import Shell

MAX_WORDS = 1000  # in one /words
MAX_DEPTH = 50  # tokens
TOP_P = Setting("top_p", float, 0.8, 0, 1, help="the share of the probability that the tokens of each place cover")


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

    def work() -> Iterator[Event]:
        search = WordSearch(shell.session)
        yield from _searched(shell, search, lambda: search.num_steps, MAX_STEPS)
        yield search.found(number)

    yield from to_file(shell, arguments, work)


def tree_words(shell: Shell, text: str) -> Mapping[str, str]:
    """Some depths, and top_p."""
    return {**dict.fromkeys(() if text.strip() else ("2", "4", "8"), ""), **assignments([TOP_P], text)}


@command(
    "tree",
    usage="[-o FILE] [DEPTH] [top_p=P]",
    options=TABLE_OPTION,
    tasks={Task.GENERATE, Task.TRANSLATE},
    complete=tree_words,
    purpose="choosing",
)
def tree(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Show the tree of the tokens that may come next, DEPTH tokens deep; the state does not change.

    At each place, it has the fewest tokens that together have the probability top_p, 0.8 unless you say so. DEPTH is 4.
    Tokens of which each is the only one at its place are one line. The second column is the probability of the whole
    path. A tree of more than about 100 tokens is cut to its most likely parts.

        >>> /feed ROM
        >>> /tree 3
        >>> /tree 5 top_p=0.95
        >>> /tree -o tree.json 5
    """
    found = words(arguments, tree, 0, 2)
    settings = [word for word in found if "=" in word]
    depths = [word for word in found if "=" not in word]
    if len(settings) > 1 or len(depths) > 1:
        raise UsageError(f"unexpected {found[1]!r}; usage: /tree {tree.usage}")
    name, _, value = settings[0].partition("=") if settings else ("top_p", "", str(TOP_P.default))
    if name != TOP_P.name:
        raise UsageError(f"/tree has no setting {quoted(name)}; it has top_p")
    top_p = TOP_P.parse(value)
    depth = whole_number(depths[0] if depths else "4", "the depth", 1, MAX_DEPTH)
    from seqshell.inspect.token_trees import MAX_NODES, TreeSearch

    def work() -> Iterator[Event]:
        search = TreeSearch(shell.session, depth, top_p)
        yield from _searched(shell, search, lambda: search.num_nodes, MAX_NODES)
        yield search.found()

    yield from to_file(shell, arguments, work)


def _searched(shell: Shell, search: Any, done: Callable[[], int], total: int) -> Iterator[Event]:
    """Run a search to its end, with Progress if that takes long."""
    shell.session.behaviour.navigator.forget_interrupt()
    try:
        yield from slow_progress(search.steps(), done, total, "searching")
    except GeneratorExit:  # no event can be yielded any more
        shell.notices.append(Notice("interrupted before the search ended"))
        raise
