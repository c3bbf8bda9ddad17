"""The grey suggestion after the cursor: from the history, else from the model. Typing never waits for it."""

from __future__ import annotations

import threading
from asyncio import AbstractEventLoop, TimerHandle, get_running_loop
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from prompt_toolkit.auto_suggest import Suggestion
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.layout.processors import Processor, Transformation, TransformationInput

from seqshell.core.sanitize import safe
from seqshell.models.summary import examples

if TYPE_CHECKING:
    from prompt_toolkit.application import Application

    from seqshell.shell.shell import Shell

IDLE_SECONDS = 0.3  # seconds without a key press before the model is asked


class ModelSuggestion(Suggestion):
    """A suggestion from the model; drawn in a different grey."""


def example_of(shell: Shell) -> str:
    """Return the line to suggest in an empty prompt: an example of the current model if it has nothing read or to read.

    Empty if there is none.
    """
    if shell.workspace.current is None or not shell.session.behaviour.cursor.is_new or shell.session.unread is not None:
        return ""
    return next(iter(examples(shell.session.model.header)), "")


class LineProcessor(Processor):
    """Restyles a line of the prompt: model suggestions get their own style, unsafe characters become U+FFFD.

    prompt_toolkit replaces control characters but not bidirectional overrides. The number of characters stays the same.
    """

    def apply_transformation(self, transformation_input: TransformationInput) -> Transformation:
        """Return the fragments of a line, restyled."""
        is_models = isinstance(transformation_input.buffer_control.buffer.suggestion, ModelSuggestion)
        fragments: StyleAndTextTuples = []
        for style, text, *_ in transformation_input.fragments:
            drawn = text if text.isprintable() else "".join(map(_visible, text))
            fragments.append(
                ("class:model-suggestion" if is_models and style == "class:auto-suggestion" else style, drawn)
            )
        return Transformation(fragments)


def _visible(character: str) -> str:
    return "\ufffd" if character >= "\xa0" and safe(character) != character else character


class Suggester:
    """Suggests continuations of a buffer. get_shell returns None while the shell loads."""

    def __init__(self, buffer: Buffer, application: Application[str], get_shell: Callable[[], Shell | None]) -> None:
        self._buffer = buffer
        self._application = application
        self._get_shell = get_shell
        self._timer: TimerHandle | None = None
        self._stop = threading.Event()  # set to cancel the running computation
        self.example = ""  # suggested in an empty prompt
        buffer.on_text_changed += self._changed

    def begin(self) -> None:
        """Suggest the example if the prompt is empty and suggestions are on."""
        if self.example and not self._buffer.text and self._source() != "off":
            self._buffer.suggestion = Suggestion(self.example)

    def stop(self) -> None:
        """Cancel the running computation: the line was sent or changed."""
        self._stop.set()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _changed(self, buffer: Buffer) -> None:
        self.stop()
        self.begin()
        text, source = buffer.text, self._source()
        if not text or source == "off":
            return
        suggested = self._from_history(text)
        if suggested:
            buffer.suggestion = Suggestion(suggested)
        elif source == "model" and (not text.startswith(("/", '"""')) or text.startswith("//")):
            with suppress(RuntimeError):  # the buffer was changed while no prompt is running
                loop = get_running_loop()
                self._timer = loop.call_later(IDLE_SECONDS, self._ask_model, loop, text)

    def _source(self) -> str:
        """Return the setting `suggest`: history, model or off."""
        shell = self._get_shell()
        return str(shell.settings.get("suggest")) if shell else "history"

    def _from_history(self, text: str) -> str:
        """Return the rest of the latest line in the history that starts with the text."""
        if "\n" in text or not text.strip():
            return ""
        for line in reversed(self._buffer.history.get_strings()):
            first = line.partition("\n")[0]
            if first.startswith(text) and len(first) > len(text):
                return first[len(text) :]
        return ""

    def _ask_model(self, loop: AbstractEventLoop, text: str) -> None:
        shell = self._get_shell()
        if (
            shell is None
            or shell.workspace.current is None
            or self._buffer.complete_state
            or not self._buffer.document.is_cursor_at_the_end
        ):
            return
        session, stop = shell.session, threading.Event()
        self._stop = stop
        message = text.removeprefix("/") if text.startswith("//") else text

        def suggest() -> None:
            from seqshell.terminal.model_suggestion import continuation

            with suppress(Exception):  # if the model fails, the error appears when the line is sent
                suggested = continuation(session, message, stop.is_set)
                if suggested and not stop.is_set():
                    loop.call_soon_threadsafe(self._show, text, suggested)

        threading.Thread(target=suggest, name="suggestion", daemon=True).start()

    def _show(self, text: str, suggested: str) -> None:
        if self._buffer.text == text and self._buffer.suggestion is None:
            self._buffer.suggestion = ModelSuggestion(suggested)
            self._application.invalidate()
