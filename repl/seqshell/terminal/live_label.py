"""What a causal model for CLASSIFY believes of the line while it is typed, letter by letter. Typing never waits for it."""

from __future__ import annotations

import threading
from asyncio import AbstractEventLoop, get_running_loop
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from prompt_toolkit.buffer import Buffer

from seqshell.core.errors import SeqshellError
from seqshell.core.model import Task

if TYPE_CHECKING:
    from prompt_toolkit.application import Application

    from seqshell.session import Session
    from seqshell.shell.shell import Shell

MOST_READ = 2000  # tokens of the line
SECOND = 0.05  # the second label is told, too, where it is at least so likely
TYPED_TO = "/classify "


class LiveReading:
    """Reads a line that is being typed beside the session: only the tokens that are new since the last call are stepped over.

    Snapshots are never written to and decoder calls are pure, so it may run on a thread of its own; one call at a time.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self._ids: list[int] = []
        self._moments: list[tuple[Any, Any]] = []  # outputs [1, C] and the state after each of the ids

    def read(self, text: str, stopped: Callable[[], bool]) -> tuple[str, ...] | None:
        """What is believed after the text, as `told`; nothing when nothing of it can be read, None when `stopped` says that nobody waits any more."""
        import numpy as np

        try:
            ids, _ = self.session.read_text(text, "skip")
        except SeqshellError:
            return ()
        if not ids or len(ids) > MOST_READ:
            return ()
        same = next(
            (place for place, (new, old) in enumerate(zip(ids, self._ids, strict=False)) if new != old),
            min(len(ids), len(self._ids)),
        )
        del self._ids[same:], self._moments[same:]
        reader = self.session.live.reader
        for token in ids[same:]:
            if stopped():
                return None
            state = self._moments[-1][1] if self._moments else reader.initial_state(1)
            self._moments.append(reader.step(np.array([token], np.int64), state))
            self._ids.append(token)
        return told(self.session.probabilities(self._moments[-1][0][0]))


def told(probs: tuple[tuple[str, float], ...]) -> tuple[str, ...]:
    """The likeliest label with its probability, and the second where it is near: `Czech 51%`, `Polish 44%`."""
    return tuple(
        f"{label} {probability:.0%}"
        for rank, (label, probability) in enumerate(probs[:2])
        if rank == 0 or probability >= SECOND
    )


def belief_here(session: Session) -> tuple[str, ...]:
    """What is believed of what the session has read, as `told`; nothing where it does not label, or has read nothing."""
    return (
        told(session.probabilities(session.live.outputs()))
        if session.model.task is Task.CLASSIFY and session.position
        else ()
    )


def typed_text(line: str) -> str:
    """The text to be labelled that a line holds as it is being typed; empty where it is another command or a file."""
    if line.startswith(TYPED_TO):
        text = line.removeprefix(TYPED_TO).lstrip(" ").removeprefix("--explain ").lstrip(" ")
        return "" if text.startswith(("-", "@")) else text
    if line.startswith("//"):
        return line[1:]
    return "" if line.startswith(("/", "@")) else line.removeprefix('"""').lstrip("\n")


class Belief:
    """Watches a buffer. get_shell: None until the shell stands."""

    def __init__(self, buffer: Buffer, application: Application[str], get_shell: Callable[[], Shell | None]) -> None:
        self._buffer = buffer
        self._application = application
        self._get_shell = get_shell
        self._reading: LiveReading | None = None
        self._lock = threading.Lock()
        self._wanted: str | None = None  # what has been typed and is not read yet
        self._works = False
        self._found: tuple[str, ...] | None = None
        buffer.on_text_changed += self._changed

    @property
    def shown(self) -> tuple[str, ...] | None:
        """What is believed of the line so far, as `told`; nothing where nothing of it can be read, None where there is no line to be labelled."""
        return self._found if self._buffer.text else None

    def look(self) -> None:
        """Read what stands in the line already; from any thread. For the moment in which the shell stands."""
        loop = self._application.loop
        if loop is not None:
            with suppress(RuntimeError):  # the prompt has ended
                loop.call_soon_threadsafe(self._changed, self._buffer)

    def forget(self) -> None:
        """The line was sent, or cleared."""
        self._wanted, self._found = None, None

    def _changed(self, buffer: Buffer) -> None:
        text, shell = typed_text(buffer.text), self._get_shell()
        session = shell.session if shell is not None and shell.current is not None else None
        if not text or session is None or session.model.task is not Task.CLASSIFY or not session.model.causal:
            self.forget()
            return
        if self._reading is None or self._reading.session is not session:
            self._reading = LiveReading(session)
        with suppress(RuntimeError):  # the buffer was changed while no prompt runs
            loop = get_running_loop()
            with self._lock:
                self._wanted = text
                if self._works:
                    return
                self._works = True
            threading.Thread(target=self._work, args=(loop,), name="belief", daemon=True).start()

    def _work(self, loop: AbstractEventLoop) -> None:
        """Read what was typed last, until nothing new is there."""
        while True:
            with self._lock:
                text, self._wanted, reading = self._wanted, None, self._reading
                if text is None or reading is None:
                    self._works = False
                    return
            found: tuple[str, ...] | None = ()
            with suppress(Exception):  # the model's fault shows when it answers
                found = reading.read(text, lambda: self._wanted is not None)
            if found is not None:
                with suppress(RuntimeError):  # the prompt has ended
                    loop.call_soon_threadsafe(self._show, text, found)

    def _show(self, text: str, found: tuple[str, ...]) -> None:
        if typed_text(self._buffer.text) == text:
            self._found = found
            self._application.invalidate()
