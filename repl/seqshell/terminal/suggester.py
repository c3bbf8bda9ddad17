"""The grey text behind the cursor: a line from the history, else the live model's own continuation. Typing never waits for it."""

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

if TYPE_CHECKING:
    from prompt_toolkit.application import Application

    from seqshell.shell.shell import Shell

IDLE_SECONDS = 0.3  # seconds without a key before the model is asked


class ModelSuggestion(Suggestion):
    """A suggestion that the model made; drawn in another grey."""


class LineStyle(Processor):
    """Draws a line of the prompt: a model's suggestion in its own style, and what could disturb the terminal as U+FFFD.

    prompt_toolkit makes control characters visible, but not what turns the direction of a line around. One character stays one.
    """

    def apply_transformation(self, transformation_input: TransformationInput) -> Transformation:
        """The fragments of a line, redrawn."""
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
    """Watches a buffer. get_shell: None until the shell stands, and then only history is used."""

    def __init__(self, buffer: Buffer, application: Application[str], get_shell: Callable[[], Shell | None]) -> None:
        self._buffer = buffer
        self._application = application
        self._get_shell = get_shell
        self._timer: TimerHandle | None = None
        self._stop = threading.Event()  # of the work that is under way
        self.example = ""  # stands in the empty prompt
        buffer.on_text_changed += self._changed

    def begin(self) -> None:
        """A prompt begins: an empty one shows the example."""
        if self.example and not self._buffer.text:
            self._buffer.suggestion = Suggestion(self.example)

    def stop(self) -> None:
        """Forget what is under way: the line was sent, or changed."""
        self._stop.set()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _changed(self, buffer: Buffer) -> None:
        self.stop()
        self.begin()
        text, wanted = buffer.text, self._wanted()
        if not text or wanted == "off":
            return
        found = self._from_history(text)
        if found:
            buffer.suggestion = Suggestion(found)
        elif wanted == "model" and (not text.startswith(("/", '"""')) or text.startswith("//")):
            with suppress(RuntimeError):  # the buffer was changed while no prompt runs
                loop = get_running_loop()
                self._timer = loop.call_later(IDLE_SECONDS, self._ask_model, loop, text)

    def _wanted(self) -> str:
        shell = self._get_shell()
        return str(shell.settings.get("suggest")) if shell else "history"

    def _from_history(self, text: str) -> str:
        """The rest of the latest line that starts with the text."""
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
            or shell.current is None
            or self._buffer.complete_state
            or not self._buffer.document.is_cursor_at_the_end
        ):
            return
        session, stop = shell.session, threading.Event()
        self._stop = stop
        message = text.removeprefix("/") if text.startswith("//") else text

        def work() -> None:
            from seqshell.terminal.model_suggestion import continuation

            with suppress(Exception):  # a suggestion that fails is none; the model's fault shows when it answers
                found = continuation(session, message, stop.is_set)
                if found and not stop.is_set():
                    loop.call_soon_threadsafe(self._show, text, found)

        threading.Thread(target=work, name="suggestion", daemon=True).start()

    def _show(self, text: str, found: str) -> None:
        if self._buffer.text == text and self._buffer.suggestion is None:
            self._buffer.suggestion = ModelSuggestion(found)
            self._application.invalidate()
