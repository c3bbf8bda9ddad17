"""The prompt: asks for a line or a block with prompt_toolkit."""

from __future__ import annotations

import select
import sys
from collections.abc import Callable
from contextlib import nullcontext
from functools import cache
from typing import TYPE_CHECKING

from prompt_toolkit.application.current import create_app_session
from prompt_toolkit.enums import EditingMode
from prompt_toolkit.filters import Condition, is_done, renderer_height_is_known
from prompt_toolkit.history import History
from prompt_toolkit.input import Input
from prompt_toolkit.input.typeahead import get_typeahead, store_typeahead
from prompt_toolkit.key_binding.key_processor import KeyPressEvent
from prompt_toolkit.key_binding.vi_state import InputMode
from prompt_toolkit.layout.containers import ConditionalContainer
from prompt_toolkit.output import ColorDepth, Output
from prompt_toolkit.output.plain_text import PlainTextOutput
from prompt_toolkit.renderer import CPR_Support
from prompt_toolkit.shortcuts import PromptSession
from prompt_toolkit.styles import Style

from seqshell.core.errors import UsageError
from seqshell.core.sanitize import safe
from seqshell.terminal.background import UNKNOWN, hexadecimal
from seqshell.terminal.key_bindings import key_bindings
from seqshell.terminal.live_label import LiveLabel
from seqshell.terminal.printer import TRUE_COLOUR
from seqshell.terminal.suggester import LineProcessor, Suggester
from seqshell.terminal.toolbar import fit

if TYPE_CHECKING:
    from prompt_toolkit.completion import Completer
    from prompt_toolkit.formatted_text import StyleAndTextTuples

    from seqshell.shell.shell import Shell

MARK, MORE = ">>> ", "... "
VI_MODES = {InputMode.NAVIGATION: "normal", InputMode.REPLACE: "replace", InputMode.REPLACE_SINGLE: "replace"}
QUIT_HINT = "to quit, press Ctrl-D or type /quit"
DEPTHS = {TRUE_COLOUR: ColorDepth.DEPTH_24_BIT, 256: ColorDepth.DEPTH_8_BIT, 16: ColorDepth.DEPTH_4_BIT}
PLAIN = {
    "auto-suggestion": "dim",
    "model-suggestion": "dim italic",
    "placeholder": "dim",
    "bottom-toolbar": "noreverse dim",
    "completion-menu.completion.current": "reverse",
    "completion-menu.meta.completion": "dim",
}
# Besides those of `_style`, which the background decides; these bring their own.
COLOURED = {
    "completion-menu": "bg:#303030 #bcbcbc",
    "completion-menu.completion": "bg:#303030 #bcbcbc",
    "completion-menu.completion.current": "bg:#005f87 #ffffff noreverse",
    "completion-menu.meta.completion": "bg:#262626 #949494",
    "completion-menu.meta.completion.current": "bg:#3a3a3a #bcbcbc",
    "scrollbar.background": "bg:#303030",
    "scrollbar.button": "bg:#585858",
}


@cache
def _style(coloured: bool, background: str) -> Style:
    if not coloured:
        return Style.from_dict(PLAIN)
    dim, prose, chain = (hexadecimal(style, background) for style in ("dim", "prose", "chain"))
    return Style.from_dict(
        {
            "prompt": prose,
            "auto-suggestion": dim,
            "model-suggestion": chain,
            "placeholder": dim,
            "bottom-toolbar": f"noreverse {dim}",
            **COLOURED,
        }
    )


class Prompt:
    """Asks the user for lines.

    get_shell: returns None while the shell loads. toolbar: returns the parts of the toolbar. colours, background: see
    Printer; the background is asked for before each line.
    on_first_paint: called once, when the first prompt has been drawn.
    """

    def __init__(
        self,
        *,
        get_shell: Callable[[], Shell | None],
        history: History,
        completer: Completer,
        toolbar: Callable[[], list[str]],
        colours: int = 256,
        background: Callable[[], str] = lambda: UNKNOWN,
        on_first_paint: Callable[[], None] = lambda: None,
        input: Input | None = None,
        output: Output | None = None,
    ) -> None:
        self.multi_line = False
        self.saved_line = ""  # what was being typed when a key sent another line
        self.dumb = colours < 0
        self._pasted = False  # whether several lines were pasted into the current line
        self._queue: list[str] = []  # pasted lines that are still to be sent
        self._default = ""
        self._note = ""
        self._interruptible = False
        self._get_shell = get_shell
        self._toolbar = toolbar
        self._is_coloured, self._background = colours > 0, background
        self._on_first_paint = on_first_paint
        # prompt_toolkit writes escape sequences while it sets up a prompt, even on a terminal that has none.
        with create_app_session(output=PlainTextOutput(sys.stdout)) if self.dumb and output is None else nullcontext():
            self.session = self._session(history, completer, colours, input, output)
        self.application = self.session.app
        self._show_toolbar()
        self.suggester = Suggester(self.session.default_buffer, self.application, get_shell)
        self.live_label = LiveLabel(self.session.default_buffer, self.application, get_shell)
        self.application.after_render += self._after_render

    def _session(
        self, history: History, completer: Completer, colours: int, input: Input | None, output: Output | None
    ) -> PromptSession[str]:
        return PromptSession(
            self._mark,
            multiline=True,
            complete_while_typing=False,
            enable_suspend=True,
            history=history,
            enable_history_search=True,
            completer=completer,
            include_default_pygments_style=False,
            color_depth=DEPTHS.get(colours, ColorDepth.DEPTH_1_BIT),
            prompt_continuation=lambda width, number, wrapped: "" if wrapped else [("class:prompt", MORE)],
            bottom_toolbar=self._toolbar_line,
            placeholder=lambda: [("class:placeholder", safe(self._note))],
            input_processors=[LineProcessor()],
            key_bindings=key_bindings(self),
            input=input,
            output=output,
        )

    def ask(self, default: str = "", *, interruptible: bool = False) -> str:
        """Return the next line, or the next of several pasted ones. Raises EOFError if the user quits.

        default: text that is already in the prompt.
        interruptible: Ctrl-C raises KeyboardInterrupt instead of clearing the line.
        """
        self._interruptible = interruptible
        queued = self._queue.pop(0) if self._queue else None
        default = default if queued is None else queued
        self._default = default
        self._note = ""
        self._pasted = False
        shell = self._get_shell()
        if shell is not None:
            self.application.editing_mode = EditingMode.VI if shell.settings.get("keys") == "vi" else EditingMode.EMACS
        self.session.style = _style(self._is_coloured, self._background())
        try:
            return self.session.prompt(default=default, accept_default=queued is not None, pre_run=self.suggester.begin)
        finally:
            self.suggester.stop()
            self.live_label.clear()

    def is_waiting(self) -> bool:
        """Whether the next line has been pasted or typed already."""
        keys = get_typeahead(self.application.input)
        store_typeahead(self.application.input, keys)
        return bool(self._queue or keys or select.select([self.application.input.fileno()], [], [], 0)[0])

    def drop_pasted(self) -> int:
        """Forget the pasted lines that are still to be sent, and return their number."""
        number = len(self._queue)
        self._queue.clear()
        return number

    def paste(self, event: KeyPressEvent) -> None:
        """Insert what the user pasted. Nothing is sent before Enter."""
        text = event.data.replace("\r\n", "\n").replace("\r", "\n")
        self._pasted = self._pasted or "\n" in text
        event.current_buffer.insert_text(text)

    def enter(self, event: KeyPressEvent) -> None:
        """Send the line, the example in an empty prompt, or pasted lines one by one; or add a line to an open block."""
        from seqshell.shell.completion import command_names
        from seqshell.shell.syntax import closes_block, opens_block, pasted_lines

        buffer = event.current_buffer
        lines = pasted_lines(buffer.text, command_names(self._get_shell())) if self._pasted else (buffer.text,)
        if len(lines) == 1 and opens_block(lines[0]) and not closes_block(lines[0]):
            buffer.newline(copy_margin=False)
            return
        if not buffer.text and buffer.suggestion:
            lines = (buffer.suggestion.text,)
        buffer.text, self._queue = lines[0], [*lines[1:]]
        buffer.validate_and_handle()

    def send(self, event: KeyPressEvent, line: str) -> None:
        """Send `line` and keep what is being typed for the next prompt."""
        buffer = event.current_buffer
        self.saved_line = buffer.text
        buffer.text = line
        event.app.exit(result=line)

    def take_saved_line(self) -> str:
        """Return and forget what was being typed when a key sent another line."""
        line, self.saved_line = self.saved_line, ""
        return line

    def send_candidate(self, event: KeyPressEvent, step: int) -> None:
        """Check out the next (1) or previous (-1) candidate of the last answer."""
        shell = self._get_shell()
        if shell is None:
            return
        try:
            names = shell.session.candidates()
        except UsageError as error:  # there are no candidates
            self._note = error.message
            return
        self.send(event, f"/checkout {names[(names.index(shell.session.branch) + step) % len(names)]}")

    def choose_keys(self, keys: str) -> None:
        """Use "vi" or "emacs" keys in this prompt and the next ones."""
        self.application.editing_mode = EditingMode.VI if keys == "vi" else EditingMode.EMACS
        shell = self._get_shell()
        if shell is not None:
            shell.settings.set("keys", keys)

    def interrupt(self, event: KeyPressEvent) -> None:
        """Handle Ctrl-C: clear the line or, if it is empty, show how to quit."""
        buffer = self.session.default_buffer
        self.multi_line = False
        self._note = ""
        if self._interruptible:
            event.app.exit(exception=KeyboardInterrupt())
        elif buffer.text:
            event.app.layout.focus(buffer)
            buffer.reset()
            self.suggester.stop()
            self.suggester.begin()
            self.live_label.clear()
        else:
            self._note = QUIT_HINT
            buffer.suggestion = None
            if self.dumb:
                event.app.exit(result="")

    def _show_toolbar(self) -> None:
        """Show the toolbar also on terminals that do not report the cursor position, where prompt_toolkit hides it."""
        renderer = self.application.renderer
        toolbar = self.session.layout.container.get_children()[-1]
        assert isinstance(toolbar, ConditionalContainer)
        unknown = Condition(lambda: renderer.cpr_support == CPR_Support.NOT_SUPPORTED)
        toolbar.filter = ~is_done & (renderer_height_is_known | unknown)

    def _mark(self) -> StyleAndTextTuples:
        return [
            ("class:prompt", MARK),
            ("", safe(self._default) if self.dumb else ""),
        ]  # a dumb terminal does not draw the default

    def _toolbar_line(self) -> str:
        parts = self._toolbar()
        if self.multi_line:
            parts.insert(0, "multi-line: Alt+Enter sends, F3 ends")
        if self.application.editing_mode == EditingMode.VI:
            parts.insert(0, f"vi {VI_MODES.get(self.application.vi_state.input_mode, 'insert')}")
        return fit(parts, self.application.output.get_size().columns)

    def _after_render(self, application: object) -> None:
        callback, self._on_first_paint = self._on_first_paint, lambda: None
        callback()
