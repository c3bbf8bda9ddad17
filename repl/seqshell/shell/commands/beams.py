"""/beams: the hypotheses of the search for the last answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from seqshell.core.events import Event
from seqshell.core.plugin_api import Arguments, command
from seqshell.core.tasks import Task
from seqshell.shell.commands.arguments import words
from seqshell.shell.commands.output_files import TABLE_OPTION, to_file

if TYPE_CHECKING:
    from seqshell.shell.shell import Shell


@command(
    "beams",
    usage="[-o FILE]",
    options=TABLE_OPTION,
    tasks={Task.GENERATE, Task.TRANSLATE},
    purpose="choosing",
)
def beams(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Show the hypotheses of the search for the last answer as a tree; the state does not change.

    The search is made again. A star marks the answer, and what no answer came of is grey, or has a minus sign. logprob
    is that of the path, score what finished answers are compared by.

        >>> /strategy beam
        >>> ROMEO:
        >>> /beams
        >>> /beams -o beams.html
    """
    words(arguments, beams, 0, 0)
    from seqshell.inspect.searches import search_tree
    from seqshell.session.answer_options import AnswerOptions  # imports numpy

    workspace = shell.workspace
    session = workspace.sessions.get(workspace.answered or "", shell.session)
    defaults = AnswerOptions.of(shell.settings.get("max_tokens"), shell.settings.get("stop"))
    yield from to_file(shell, arguments, lambda: [search_tree(session, defaults)])
