"""What comes next, without changing anything: /top."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from seqshell.core.events import Event
from seqshell.core.plugin_api import Arguments, command
from seqshell.core.tasks import Task
from seqshell.shell.commands.arguments import whole_number, words
from seqshell.shell.commands.output_files import TABLE_OPTION, to_file

if TYPE_CHECKING:
    from seqshell.shell.shell import Shell

MAX_SHOWN = 1000  # tokens in one /top


@command("top", usage="[-o FILE] [K]", options=TABLE_OPTION, tasks={Task.GENERATE, Task.TRANSLATE}, purpose="looking")
def top(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Show the K most likely next tokens, before and after the sampler chain; the state does not change.

    >>> /feed ROMEO
    >>> /top 5
    """
    (word,) = words(arguments, top, 0, 1) or ("10",)
    number = whole_number(word, "the number of tokens", 1, MAX_SHOWN)
    yield from to_file(shell, arguments, lambda: [shell.session.top(number)])
