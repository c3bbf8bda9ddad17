"""/alt: what else was likely at a position, and the branch on which another token was taken."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from seqshell.core.errors import UsageError
from seqshell.core.events import Event, Notice, Translation
from seqshell.core.json_values import unquoted
from seqshell.core.limits import MAX_TOKENS
from seqshell.core.plugin_api import Arguments, command
from seqshell.core.tasks import Task
from seqshell.shell.commands.arguments import whole_number
from seqshell.shell.commands.history import position_in
from seqshell.shell.commands.output_files import TABLE_OPTION, to_file

if TYPE_CHECKING:
    from seqshell.session import Session
    from seqshell.shell.shell import Shell

DEFAULT_SHOWN, MAX_SHOWN = "10", 1000  # tokens
NUM_COMPLETED = 9
_ARGUMENTS = re.compile(r'("(?:[^"\\]|\\.)*"|.*?\S)(?:\s+([0-9]+))?\s*', re.DOTALL)


def alt_words(shell: Shell, text: str) -> Mapping[str, str]:
    """The last tokens as -1, -2, ...; after a position, the numbers of the tokens to choose from."""
    from seqshell.inspect.alternatives import alternatives

    *before, _ = text.split(" ") if text else [""]
    session = shell.session
    if not before:
        last = reversed(session.token_texts()[-NUM_COMPLETED:])
        return {f"-{back}": repr(token) for back, token in enumerate(last, 1)}
    if len(before) > 1 or position_in(before[0]) is None:
        return {}
    found = alternatives(session, _position(session, before[0], quoted=False), NUM_COMPLETED)
    return {str(each.rank): repr(each.text) for each in found.choices if not each.taken}


@command(
    "alt",
    usage="[-o FILE] [POS|-N|TEXT] [N]",
    options={"--show K": "how many tokens to show; 10 unless you say so", **TABLE_OPTION},
    tasks={Task.GENERATE, Task.TRANSLATE},
    free_text=True,
    complete=alt_words,
    purpose="choosing",
)
def alt(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Show what else was likely at a position, or take it: with a number at the end, the state is that of a new branch.

    The position is one that /rewind takes: a number of tokens, N tokens back, or just after the last TEXT; without one,
    it is that of the last token. A star marks the token that was taken. The columns are the probabilities of the model
    and those after the sampler chain. /alt POS 2 starts a branch there with the second token. /checkout goes back to
    the old branch. Put a TEXT that ends in a number in quotes: /alt "in 1603".

    In a translation, /alt POS 2 translates again, with the words up to there and the second token as the beginning.

        >>> /feed ROMEO: What
        >>> /alt
        >>> /alt --show 5 ROMEO
        >>> /alt ROMEO 2
        >>> /continue 10
    """
    session, workspace = shell.session, shell.workspace
    if workspace.answered not in (None, workspace.current):
        yield Notice(f"the last answer came from {workspace.answered}; this is about a text of {workspace.current}")
    number = whole_number(str(arguments.options.get("--show", DEFAULT_SHOWN)), "--show", 1, MAX_SHOWN)
    place, rank = _read(arguments)
    position = _position(session, *place) if place else max(0, session.position - 1)
    from seqshell.inspect import alternatives

    if rank is None:
        yield from to_file(shell, arguments, lambda: [alternatives.alternatives(session, position, number)])
        return
    if "-o" in arguments.options:
        raise UsageError(f"/alt takes a token or writes a table; leave out {rank}, or -o")
    which = whole_number(rank, "the number", 1, MAX_TOKENS)
    left = session.branch
    for event in alternatives.take(session, position, which, shell.settings.values()):
        yield event
        if isinstance(event, Translation) and shell.interactive:
            shell.notices.append(Notice(f"on branch {session.branch} · /checkout {left} goes back"))


def _read(arguments: Arguments) -> tuple[tuple[str, bool] | None, str | None]:
    """The position, with whether it is in quotes, and the number of the token to take."""
    if arguments.quoted:
        return (arguments.text, True), None
    found = _ARGUMENTS.fullmatch(arguments.text)
    if found is None:
        return None, None
    word, rank = found.groups()
    text = unquoted(word)
    return ((word, False) if text is None else (text, True)), rank


def _position(session: Session, word: str, quoted: bool) -> int:
    """The position that a user wrote. UsageError if it is outside the branch, or if there is no such text."""
    number = None if quoted else position_in(word)
    if number is None:
        return session.behaviour.rewind_target(word)
    position = number if not word.startswith("-") else session.position + number
    if not 0 <= position <= session.position:
        raise UsageError(
            f"position {word} is outside this branch, which goes from 0 to {session.position:,}", code="position"
        )
    return position
