"""Recording lines into a script that gives the same text when it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TextIO

from seqshell.core.events import Event, Finished, LineFinished, LineStarted
from seqshell.core.tasks import TASKS
from seqshell.shell import syntax

if TYPE_CHECKING:
    from seqshell.shell.settings import Settings

SHORTENED = ("/continue", "/regen")  # like messages whose answer is drawn, they can be recorded with fewer tokens


def replayed(text: str, op: str, interrupted: Finished | None, max_tokens: int) -> Iterator[str]:
    """The lines of a script that repeat a line. interrupted: its answer, if Ctrl-C ended it.

    A script cannot press Ctrl-C, so it limits the number of tokens instead. max_tokens: the setting to return to.
    """
    script = syntax.as_script(text)
    is_drawn = op in SHORTENED or (op in TASKS and TASKS[op].draws)
    if interrupted is None or not is_drawn:
        yield script
    elif op == "/continue":
        yield from [f"/continue {interrupted.num_tokens}"] if interrupted.num_tokens else ()
    else:
        yield f"/set max_tokens {max(1, interrupted.num_tokens)}"
        yield script
        yield from () if interrupted.num_tokens else ["/undo 1t"]
        yield f"/set max_tokens {max_tokens}"


class Recorder:
    """Writes each line that did not fail to the open script, if there is one.

    A line that runs others is recorded in their place.

    warn: called with a message if the script cannot be written; the recording is then over.
    """

    def __init__(self, settings: Settings, warn: Callable[[str], None]) -> None:
        self._settings = settings
        self._warn = warn
        self._script: TextIO | None = None
        self._running: list[tuple[LineStarted, TextIO | None]] = []  # each line with the script that it belongs in
        self._interrupted: Finished | None = None

    @property
    def is_recording(self) -> bool:
        """Whether a script is open."""
        return self._script is not None

    def begin(self, script: TextIO) -> None:
        """Record from the next line on, and end the recording before."""
        self.end()
        self._script = script

    def end(self) -> None:
        """Close the script."""
        if self._script is not None:
            self._script.close()
            self._script = None

    def hear(self, event: Event) -> None:
        """Write a line when it finishes."""
        if isinstance(event, LineStarted):
            recorded = any(script for _, script in self._running)
            self._running.append((event, None if recorded else self._script))
            self._interrupted = None
        elif isinstance(event, LineFinished):
            line, script = self._running.pop()
            if script is not None and script is self._script and not event.failed:
                self._write(line)
        elif isinstance(event, Finished) and not event.is_of_file:
            self._interrupted = event if event.stop == "interrupt" else None

    def _write(self, line: LineStarted) -> None:
        lines = replayed(line.text, line.op, self._interrupted, self._settings.get("max_tokens"))
        assert self._script is not None
        try:
            self._script.write("".join(f"{text}\n" for text in lines))
            self._script.flush()
        except OSError as error:
            self._script = None
            self._warn(f"the recording ended: {error.strerror or error}")
