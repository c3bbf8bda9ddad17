"""Tab completion: the shell's completions for prompt_toolkit."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from seqshell.core.sanitize import safe

if TYPE_CHECKING:
    from seqshell.shell.shell import Shell


class ShellCompleter(Completer):
    """Completes commands, settings and their values, names and files; while the shell loads, only commands."""

    def __init__(self, get_shell: Callable[[], Shell | None]) -> None:
        self._get_shell = get_shell

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """Yield the completions of the word before the cursor, each with its description."""
        from seqshell.shell.completion import complete

        before = document.text_before_cursor
        found = complete(self._get_shell(), before)
        for text, description in found.items:
            yield Completion(
                text,
                start_position=found.start - len(before),
                display=safe(text).strip() or safe(text),
                display_meta=safe(description),
            )
