"""Key bindings of the prompt: keys that prompt_toolkit leaves unbound or binds differently."""

from __future__ import annotations

from typing import Protocol

from prompt_toolkit.application.current import get_app
from prompt_toolkit.enums import DEFAULT_BUFFER, EditingMode
from prompt_toolkit.filters import Condition, completion_is_selected, emacs_mode, has_completions, has_focus
from prompt_toolkit.key_binding.key_bindings import KeyBindings
from prompt_toolkit.key_binding.key_processor import KeyPressEvent
from prompt_toolkit.keys import Keys


class PromptActions(Protocol):
    """What the keys need from the prompt."""

    multi_line: bool

    def enter(self, event: KeyPressEvent) -> None:
        """Send the line, the example in an empty prompt, or pasted lines one by one; or add a line to an open block."""

    def paste(self, event: KeyPressEvent) -> None:
        """Insert what the user pasted."""

    def interrupt(self, event: KeyPressEvent) -> None:
        """Handle Ctrl-C."""

    def send(self, event: KeyPressEvent, line: str) -> None:
        """Send `line` and keep what is being typed for the next prompt."""

    def send_candidate(self, event: KeyPressEvent, step: int) -> None:
        """Check out the next (1) or previous (-1) candidate of the last answer."""

    def choose_keys(self, keys: str) -> None:
        """Use "vi" or "emacs" keys."""


def key_bindings(prompt: PromptActions) -> KeyBindings:
    """Return the bindings of a prompt. Those that start with Escape apply in emacs mode only: vi mode needs the key."""
    keys = KeyBindings()
    typing = has_focus(DEFAULT_BUFFER)

    @Condition
    def suggested() -> bool:
        buffer = get_app().current_buffer
        return buffer.suggestion is not None and bool(buffer.suggestion.text) and buffer.document.is_cursor_at_the_end

    @keys.add("enter", filter=typing)
    def _(event: KeyPressEvent) -> None:
        if prompt.multi_line:
            event.current_buffer.newline(copy_margin=False)
        else:
            prompt.enter(event)

    @keys.add("enter", filter=typing & completion_is_selected)
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.complete_state = None  # accepts the choice; the next Enter sends the line

    @keys.add("escape", filter=typing & has_completions, eager=True)
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.cancel_completion()

    @keys.add(Keys.BracketedPaste, filter=typing)
    def _(event: KeyPressEvent) -> None:
        prompt.paste(event)

    @keys.add(Keys.Vt100MouseEvent)
    def _(event: KeyPressEvent) -> None:
        pass  # the prompt has no mouse, and prompt_toolkit raises ValueError for a sequence that is none, as in a paste

    @keys.add("escape", "enter", filter=typing & emacs_mode)
    def _(event: KeyPressEvent) -> None:
        if prompt.multi_line:
            event.current_buffer.validate_and_handle()
        else:
            event.current_buffer.newline(copy_margin=False)

    @keys.add("c-o", filter=typing)
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.newline(copy_margin=False)

    @keys.add("end", filter=typing & suggested)
    def _(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if buffer.suggestion:
            buffer.insert_text(buffer.suggestion.text)

    @keys.add("c-c", filter=typing)
    @keys.add("<sigint>")
    def _(event: KeyPressEvent) -> None:
        prompt.interrupt(event)

    @keys.add("c-x", "c-e", filter=typing)
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.open_in_editor()

    @keys.add("f1", filter=typing)
    def _(event: KeyPressEvent) -> None:
        prompt.send(event, "/help")

    @keys.add("f3", filter=typing)
    def _(event: KeyPressEvent) -> None:
        prompt.multi_line = not prompt.multi_line

    @keys.add("f4", filter=typing)
    def _(event: KeyPressEvent) -> None:
        to_vi = event.app.editing_mode == EditingMode.EMACS
        prompt.choose_keys("vi" if to_vi else "emacs")

    for key, line in (("g", "/continue"), ("r", "/regen"), ("u", "/undo")):

        @keys.add("escape", key, filter=typing & emacs_mode)
        def _(event: KeyPressEvent, line: str = line) -> None:
            prompt.send(event, line)

    for key, step in (("left", -1), ("right", 1)):

        @keys.add("escape", key, filter=typing & emacs_mode)
        def _(event: KeyPressEvent, step: int = step) -> None:
            prompt.send_candidate(event, step)

    return keys
