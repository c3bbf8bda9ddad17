"""Recording lines into a script that gives the same text when it runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from seqshell.core import paths
from seqshell.core.errors import SeqshellError
from seqshell.core.events import Event, Finished, LineFinished, LineStarted, Picked, PresetLoaded, SettingChanged
from seqshell.core.tasks import TASKS, task_spec
from seqshell.core.text_output import exact
from seqshell.shell import syntax

if TYPE_CHECKING:
    from seqshell.session import Session
    from seqshell.shell.settings import Settings
    from seqshell.shell.workspace import Workspace

# Lines whose answers are drawn: they can be recorded with fewer tokens.
SHORTENED = ("/continue", "/regen")


def replayed(text: str, op: str, interrupted: Finished | None, max_tokens: int) -> Iterator[str]:
    """The lines of a script that repeat a line. interrupted: its answer, if Ctrl-C ended it.

    A script cannot press Ctrl-C, so it limits the number of tokens instead. max_tokens: the setting to return to.
    """
    script = syntax.as_script(text) if text else op  # an empty line continues; a script skips it
    if interrupted is None:
        yield script
    elif op == "/continue":
        yield from [f"/continue {interrupted.num_tokens}"] if interrupted.num_tokens else ()
    else:
        yield f"/set max_tokens {max(1, interrupted.num_tokens)}"
        yield script
        yield from () if interrupted.num_tokens else ["/undo 1t"]
        yield f"/set max_tokens {max_tokens}"


def decoding_lines(session: Session) -> Iterator[str]:
    """The lines that choose the seed, the strategy and the chain of a session."""
    from seqshell.decoding.syntax import format_chain, format_strategy

    answers = session.behaviour.answers
    yield f"/seed {session.seed}"
    if task_spec(session.model.task).draws:
        yield f"/strategy {format_strategy(session.strategy, answers.strategies)}"
        yield f"/sampler {format_chain(session.chain, answers.samplers)}"


def written_value(value: Any) -> str:
    """A value as /set reads it."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, tuple) else exact(value)


def _setting_line(changed: SettingChanged) -> str:
    """The line that makes a change."""
    own = changed.name in ("strategy", "sampler")
    return f"/{changed.name} {changed.value}" if own else f"/set {changed.name} {written_value(changed.value)}"


class Recorder:
    """Writes each line to the open script, if there is one, so that the script gives the same text.

    A line that runs others is recorded in their place. Where repeating a line would not give the same session, because
    it failed half-way, was stopped, or restored a file that may change, the session is saved beside the script, which
    restores it. Other lines that fail are left out.

    warn: called with a message if the script cannot be written; the recording is then over.
    """

    def __init__(self, workspace: Workspace, settings: Settings, warn: Callable[[str], None]) -> None:
        self._workspace = workspace
        self._settings = settings
        self._warn = warn
        self._script: TextIO | None = None
        self._running: list[tuple[LineStarted, TextIO | None]] = []  # each line with the script that it belongs in
        self._interrupted: Finished | None = None
        self._picked: Picked | None = None  # what was chosen with keys
        self._loaded: PresetLoaded | None = None
        self._known: list[Session] = []
        self._num_saved = 0
        self._partly_read: tuple[LineStarted, str] | None = None  # a line, and the one that restores what it read

    @property
    def is_recording(self) -> bool:
        """Whether a script is open."""
        return self._script is not None

    def begin(self, script: TextIO) -> None:
        """Record from the next line on, and end the recording before. Models opened later have the present seed."""
        self.end()
        self._script = script
        self._num_saved = 0
        self._known = list(self._workspace.sessions.values())
        self._workspace.seed = self._workspace.session.seed

    def end(self) -> None:
        """Close the script."""
        if self._script is not None:
            self._write(self._pending())
        if self._script is not None:
            self._script.close()
            self._script = None

    def hear(self, event: Event) -> None:
        """Write a line when it finishes."""
        if isinstance(event, LineStarted):
            recorded = any(script for _, script in self._running)
            self._running.append((event, None if recorded else self._script))
            self._interrupted = self._picked = self._loaded = None
        elif isinstance(event, LineFinished):
            line, script = self._running.pop() if self._running else (None, None)
            if line is not None and script is not None and script is self._script:
                self._write(self._lines(line, event))
                self._known = list(self._workspace.sessions.values())
        elif isinstance(event, Finished) and not event.is_of_file:
            self._interrupted = event if event.stop == "interrupt" else None
        elif isinstance(event, Picked):
            self._picked = event
        elif isinstance(event, PresetLoaded):
            self._loaded = event

    def _lines(self, line: LineStarted, finished: LineFinished) -> Iterator[str]:
        """The lines that repeat one that finished."""
        session = self._workspace.session if self._workspace.current else None
        is_new = session is not None and session not in self._known
        if line.text == "" and self._partly_read is not None:  # it has read more of that text
            line, self._partly_read = self._partly_read[0], None
        yield from self._pending()
        if session is None:
            yield from () if finished.failed else self._repeated(line, session)
        elif session.unread is not None:
            self._partly_read = line, self._restoring()
        elif finished.failed or line.op == "/explore":
            yield from [self._restoring()] if finished.changed else []
        elif self._is_cut(line, session) or (is_new and session.position):
            yield self._restoring()
        else:
            yield from self._repeated(line, session)
            yield from decoding_lines(session) if is_new else ()

    def _repeated(self, line: LineStarted, session: Session | None) -> Iterator[str]:
        if line.op == "/seed" and session is not None and "random" in line.text:
            yield f"/seed {session.seed}"
        elif line.op == "/pick":
            yield from [self._picked.line] if self._picked is not None else []
        elif line.op == "/preset":
            changes = self._loaded.changes if self._loaded is not None else ()
            yield from map(_setting_line, changes)  # the preset may be another one when the script runs
        elif line.op == "/save" and "--force" not in line.text:
            yield line.text.replace(" ", " --force ", 1)  # when the script runs, the file exists
        else:
            yield from replayed(line.text, line.op, self._interrupted, self._settings.get("max_tokens"))

    def _is_cut(self, line: LineStarted, session: Session) -> bool:
        """Whether Ctrl-C ended an answer that a smaller max_tokens does not repeat."""
        if self._interrupted is None:
            return False
        is_drawn = line.op in SHORTENED or (line.op in TASKS and TASKS[line.op].draws)
        timeline, here = session.behaviour.cursor.timeline, session.here.node
        start = timeline.ancestor(here, min(self._interrupted.start, session.position))
        return not is_drawn or timeline.options_after(start, here).max_tokens is not None

    def _pending(self) -> Iterator[str]:
        """The line that restores what was read of a text whose rest was dropped."""
        if self._partly_read is not None:
            yield self._partly_read[1]
            self._partly_read = None

    def _restoring(self) -> str:
        """Save the session beside the script; returns the line that restores it."""
        assert self._script is not None
        self._num_saved += 1
        script = Path(self._script.name).absolute()
        saved = script.with_name(f"{script.name}.{self._num_saved}{paths.ENDING}")
        self._workspace.save(saved)
        return f"/restore {saved}"

    def _write(self, lines: Iterator[str]) -> None:
        assert self._script is not None
        try:
            self._script.write("".join(f"{text}\n" for text in lines))
            self._script.flush()
        except (OSError, SeqshellError) as error:
            self._script = None
            self._warn(f"the recording ended: {getattr(error, 'strerror', None) or error}")
