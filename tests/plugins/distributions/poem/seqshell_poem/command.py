"""/poem: so many lines about a theme, written by the model that is open."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import seqshell

LINES = 4
MOST_LINES = 100
LONGEST = 80  # tokens of a line, on average


@seqshell.command("poem", usage="[LINES] THEME", tasks={seqshell.Task.GENERATE}, purpose="text")
def poem(shell: Any, arguments: seqshell.Arguments) -> Iterator[seqshell.Event]:
    """Have the model write LINES lines (4) that go on from THEME; the state moves on with them, and /undo takes back all of it.

    Blank lines do not count. Ctrl-C keeps what is written.

        >>> /poem 2 the sea
        >>> /undo
    """
    wanted, theme = _read(arguments.text)
    session = shell.session
    session.feed(f"{theme}\n", unknown=shell.settings.get("unknown"))
    line, lines = "", 0
    with closing(session.generate(wanted * LONGEST)) as answer:
        for event in answer:
            yield event
            for character in event.text if isinstance(event, seqshell.Token) else "":
                if character != "\n":
                    line += character
                elif line.strip():
                    line, lines = "", lines + 1
            if lines >= wanted:
                return  # the session stands after the line's last token


def _read(text: str) -> tuple[int, str]:
    """How many lines, and what they are about. A number alone is a theme."""
    first, _, rest = text.strip().partition(" ")
    wanted, theme = (int(first), rest.strip()) if first.isdecimal() and rest.strip() else (LINES, text.strip())
    if not theme:
        raise seqshell.UsageError("a poem about what? /poem [LINES] THEME")
    if not 1 <= wanted <= MOST_LINES:
        raise seqshell.UsageError(f"a poem has 1 to {MOST_LINES} lines, not {wanted}")
    return wanted, theme
