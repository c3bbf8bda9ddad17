"""/poem: the current model writes lines about a theme."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import seqshell

LINES = 4
MAX_LINES = 100
LONGEST = 80  # tokens per line, on average


@seqshell.command("poem", usage="[LINES] THEME", tasks={seqshell.Task.GENERATE}, purpose="text")
def poem(shell: Any, arguments: seqshell.Arguments) -> Iterator[seqshell.Event]:
    """Let the model write LINES lines (default 4) that continue THEME; the state advances, and /undo undoes all of it.

    Blank lines do not count. Ctrl-C keeps what has been written.

        >>> /poem 2 the sea
        >>> /undo
    """
    num_lines, theme = _read(arguments.text)
    session = shell.session
    session.feed(f"{theme}\n", unknown=shell.settings.get("unknown"))
    line, lines = "", 0
    with closing(session.generate(num_lines * LONGEST)) as answer:
        for event in answer:
            yield event
            for character in event.text if isinstance(event, seqshell.Token) else "":
                if character != "\n":
                    line += character
                elif line.strip():
                    line, lines = "", lines + 1
            if lines >= num_lines:
                return  # the session is at the line's last token


def _read(text: str) -> tuple[int, str]:
    """The number of lines and the theme. A number alone is a theme."""
    first, _, rest = text.strip().partition(" ")
    num_lines, theme = (int(first), rest.strip()) if first.isdecimal() and rest.strip() else (LINES, text.strip())
    if not theme:
        raise seqshell.UsageError("missing theme; usage: /poem [LINES] THEME")
    if not 1 <= num_lines <= MAX_LINES:
        raise seqshell.UsageError(f"a poem has 1 to {MAX_LINES} lines, not {num_lines}")
    return num_lines, theme
