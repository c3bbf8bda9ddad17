"""Label probabilities of the line being typed, for causal classifiers. Typing never waits for the model."""

from __future__ import annotations

import threading
from asyncio import AbstractEventLoop, get_running_loop
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from prompt_toolkit.buffer import Buffer

if TYPE_CHECKING:
    from prompt_toolkit.application import Application

    from seqshell.session import Session
    from seqshell.session.tasks.incremental_labels import IncrementalLabels
    from seqshell.shell.shell import Shell

SECOND_LABEL = 0.05  # the second label is shown if its probability is at least this
COMMAND = "/classify "


def format_labels(probs: tuple[tuple[str, float], ...]) -> tuple[str, ...]:
    """Format the most likely label, and the second unless it is unlikely: `Czech 51%`, `Polish 44%`."""
    return tuple(
        f"{label} {probability:.0%}"
        for rank, (label, probability) in enumerate(probs[:2])
        if rank == 0 or probability >= SECOND_LABEL
    )


def label_so_far(session: Session) -> tuple[str, ...]:
    """Return the labels of what the session has read; empty if it has read nothing or does not classify."""
    has_label = session.behaviour.labels_texts and not session.behaviour.cursor.is_new
    return format_labels(session.label().probs) if has_label else ()


def typed_text(line: str) -> str:
    """Return the text to classify in an unfinished line; empty for other commands and for files."""
    if line.startswith(COMMAND):
        text = line.removeprefix(COMMAND).lstrip(" ").removeprefix("--explain ").lstrip(" ")
        return "" if text.startswith(("-", "@")) else text
    if line.startswith("//"):
        return line[1:]
    return "" if line.startswith(("/", "@")) else line.removeprefix('"""').lstrip("\n")


class LiveLabel:
    """Classifies the text of a buffer in the background. get_shell returns None until the shell is loaded."""

    def __init__(self, buffer: Buffer, application: Application[str], get_shell: Callable[[], Shell | None]) -> None:
        self._buffer = buffer
        self._application = application
        self._get_shell = get_shell
        self._session: Session | None = None
        self._reader: IncrementalLabels | None = None
        self._lock = threading.Lock()
        self._pending: str | None = None  # typed but not yet read
        self._is_running = False
        self._labels: tuple[str, ...] | None = None
        buffer.on_text_changed += self._changed

    @property
    def labels(self) -> tuple[str, ...] | None:
        """The labels of the line so far; empty if the model cannot read it, None if there is no line to classify."""
        return self._labels if self._buffer.text else None

    def refresh(self) -> None:
        """Classify the text that is already in the buffer, once the shell is loaded. Callable from any thread."""
        loop = self._application.loop
        if loop is not None:
            with suppress(RuntimeError):  # the prompt has ended
                loop.call_soon_threadsafe(self._changed, self._buffer)

    def clear(self) -> None:
        """Forget the labels: the line was sent or cleared."""
        self._pending, self._labels = None, None

    def _changed(self, buffer: Buffer) -> None:
        text, shell = typed_text(buffer.text), self._get_shell()
        session = shell.session if shell is not None and shell.workspace.current is not None else None
        if not text or session is None or not session.behaviour.labels_texts or not session.model.causal:
            self.clear()
            return
        if self._session is not session:
            from seqshell.session.tasks.incremental_labels import IncrementalLabels

            self._session, self._reader = session, IncrementalLabels(session.behaviour)
        with suppress(RuntimeError):  # the buffer was changed while no prompt is running
            loop = get_running_loop()
            with self._lock:
                self._pending = text
                if self._is_running:
                    return
                self._is_running = True
            threading.Thread(target=self._run, args=(loop,), name="live-label", daemon=True).start()

    def _run(self, loop: AbstractEventLoop) -> None:
        """Classify the latest text until nothing new has been typed."""
        while True:
            with self._lock:
                text, self._pending, reader = self._pending, None, self._reader
                if text is None or reader is None:
                    self._is_running = False
                    return
            labels: tuple[str, ...] | None = ()
            with suppress(Exception):  # if the model fails, the error appears when the line is sent
                probs = reader.read(text, lambda: self._pending is not None)
                labels = None if probs is None else format_labels(probs)
            if labels is not None:
                with suppress(RuntimeError):  # the prompt has ended
                    loop.call_soon_threadsafe(self._show, text, labels)

    def _show(self, text: str, labels: tuple[str, ...]) -> None:
        if typed_text(self._buffer.text) == text:
            self._labels = labels
            self._application.invalidate()
