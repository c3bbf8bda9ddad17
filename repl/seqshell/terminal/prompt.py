"""The prompt: one line, or a block, is asked for with prompt_toolkit; above it stands nothing that moves."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING

from prompt_toolkit.application.current import create_app_session
from prompt_toolkit.enums import EditingMode
from prompt_toolkit.filters import Condition, is_done, renderer_height_is_known
from prompt_toolkit.history import History
from prompt_toolkit.input import Input
from prompt_toolkit.key_binding.key_processor import KeyPressEvent
from prompt_toolkit.layout.containers import ConditionalContainer
from prompt_toolkit.output import ColorDepth, Output
from prompt_toolkit.output.plain_text import PlainTextOutput
from prompt_toolkit.renderer import CPR_Support
from prompt_toolkit.shortcuts import PromptSession
from prompt_toolkit.styles import Style

from seqshell.core.errors import UsageError
from seqshell.core.sanitize import safe
from seqshell.terminal.key_bindings import key_bindings
from seqshell.terminal.live_label import LiveLabel
from seqshell.terminal.suggester import LineStyle, Suggester
from seqshell.terminal.toolbar import fit

if TYPE_CHECKING:
    from prompt_toolkit.completion import Completer
    from prompt_toolkit.formatted_text import StyleAndTextTuples

    from seqshell.shell.shell import Shell

MARK, MORE = ">>> ", "... "
LEAVE = "/quit or Ctrl-D leaves"
DEPTHS = {256: ColorDepth.DEPTH_8_BIT, 16: ColorDepth.DEPTH_4_BIT}
PLAIN = {
    "auto-suggestion": "dim",
    "model-suggestion": "dim italic",
    "placeholder": "dim",
    "bottom-toolbar": "noreverse dim",
    "completion-menu.completion.current": "reverse",
    "completion-menu.meta.completion": "dim",
}
COLOURED = {
    "prompt": "#5f87af",
    "auto-suggestion": "#767676",
    "model-suggestion": "#5f8787",
    "placeholder": "#767676",
    "bottom-toolbar": "noreverse #808080",
    "completion-menu": "bg:#303030 #bcbcbc",
    "completion-menu.completion": "bg:#303030 #bcbcbc",
    "completion-menu.completion.current": "bg:#5f87af #ffffff noreverse",
    "completion-menu.meta.completion": "bg:#262626 #8a8a8a",
    "completion-menu.meta.completion.current": "bg:#3a3a3a #bcbcbc",
    "scrollbar.background": "bg:#303030",
    "scrollbar.button": "bg:#585858",
}


class Prompt:
    """Asks for lines. What it must know of the rest comes in as functions.

    get_shell: None until the shell stands. toolbar: the parts of the line at the bottom. choose_keys: told "vi" or "emacs" when F4
    changes them. on_first_paint: called once, when the first prompt stands on the screen.
    """

    def __init__(
        self,
        *,
        get_shell: Callable[[], Shell | None],
        history: History,
        completer: Completer,
        toolbar: Callable[[], list[str]],
        colours: int = 256,
        on_first_paint: Callable[[], None] = lambda: None,
        input: Input | None = None,
        output: Output | None = None,
    ) -> None:
        self.multi_line = False
        self.saved_line = ""  # what stood in the prompt when a key sent another line
        self.dumb = colours < 0
        self._default = ""
        self._note = ""
        self._interruptible = False
        self._get_shell = get_shell
        self._toolbar = toolbar
        self._on_first_paint = on_first_paint
        # Where there are no escape sequences, prompt_toolkit's dumb prompt still writes some while it is set up.
        with create_app_session(output=PlainTextOutput(sys.stdout)) if self.dumb and output is None else nullcontext():
            self.session = self._session(history, completer, colours, input, output)
        self.application = self.session.app
        self._show_toolbar()
        self.suggester = Suggester(self.session.default_buffer, self.application, get_shell)
        self.live_label = LiveLabel(self.session.default_buffer, self.application, get_shell)
        self.application.after_render += self._painted

    def _session(
        self, history: History, completer: Completer, colours: int, input: Input | None, output: Output | None
    ) -> PromptSession[str]:
        return PromptSession(
            self._mark,
            multiline=True,
            complete_while_typing=False,
            enable_suspend=True,
            history=history,
            completer=completer,
            style=Style.from_dict(COLOURED if colours > 0 else PLAIN),
            include_default_pygments_style=False,
            color_depth=DEPTHS.get(colours, ColorDepth.DEPTH_1_BIT),
            prompt_continuation=lambda width, number, wrapped: "" if wrapped else [("class:prompt", MORE)],
            bottom_toolbar=self._toolbar_line,
            placeholder=lambda: [("class:placeholder", safe(self._note))],
            input_processors=[LineStyle()],
            key_bindings=key_bindings(self),
            input=input,
            output=output,
        )

    def ask(self, default: str = "", *, interruptible: bool = False) -> str:
        """The next line of the user; default stands in the prompt already.

        EOFError: the user leaves. interruptible: Ctrl-C on the line raises KeyboardInterrupt instead of clearing it.
        """
        self._interruptible = interruptible
        self._default = default
        self._note = ""
        shell = self._get_shell()
        if shell is not None:
            self.application.editing_mode = EditingMode.VI if shell.settings.get("keys") == "vi" else EditingMode.EMACS
        try:
            return self.session.prompt(default=default, pre_run=self.suggester.begin)
        finally:
            self.suggester.stop()
            self.live_label.clear()

    def send(self, event: KeyPressEvent, line: str) -> None:
        """Send a line in place of what is being typed, which comes back afterwards."""
        buffer = event.current_buffer
        self.saved_line = buffer.text
        buffer.text = line
        event.app.exit(result=line)

    def take_saved_line(self) -> str:
        """What stood in the prompt when a key sent another line, once."""
        line, self.saved_line = self.saved_line, ""
        return line

    def send_candidate(self, event: KeyPressEvent, step: int) -> None:
        """Go to the next or the previous candidate of the last answer, where there is one."""
        shell = self._get_shell()
        if shell is None:
            return
        try:
            names = shell.session.candidates()
        except UsageError as error:  # there is no other one
            self._note = error.message
            return
        self.send(event, f"/checkout {names[(names.index(shell.session.branch) + step) % len(names)]}")

    def choose_keys(self, keys: str) -> None:
        """vi or emacs, for this prompt and the next ones."""
        self.application.editing_mode = EditingMode.VI if keys == "vi" else EditingMode.EMACS
        shell = self._get_shell()
        if shell is not None:
            shell.settings.set("keys", keys)

    def interrupt(self, event: KeyPressEvent) -> None:
        """Ctrl-C: clear the line; on an empty one say how to leave."""
        buffer = self.session.default_buffer
        self.multi_line = False
        if self._interruptible:
            event.app.exit(exception=KeyboardInterrupt())
        elif buffer.text:
            event.app.layout.focus(buffer)
            buffer.reset()
            self.suggester.stop()
            self.live_label.clear()
        else:
            self._note = LEAVE
            buffer.suggestion = None
            if self.dumb:
                event.app.exit(result="")

    def _show_toolbar(self) -> None:
        """Show the toolbar on terminals, too, that do not tell where the cursor is; prompt_toolkit hides it there."""
        renderer = self.application.renderer
        toolbar = self.session.layout.container.get_children()[-1]
        assert isinstance(toolbar, ConditionalContainer)
        unknown = Condition(lambda: renderer.cpr_support == CPR_Support.NOT_SUPPORTED)
        toolbar.filter = ~is_done & (renderer_height_is_known | unknown)

    def _mark(self) -> StyleAndTextTuples:
        return [
            ("class:prompt", MARK),
            ("", self._default if self.dumb else ""),
        ]  # a dumb terminal does not draw the default

    def _toolbar_line(self) -> str:
        parts = self._toolbar()
        if self.multi_line:
            parts.insert(0, "Enter: new line, Alt+Enter sends, F3 ends")
        if self.application.editing_mode == EditingMode.VI:
            parts.insert(0, "vi")
        return fit(parts, self.application.output.get_size().columns)

    def _painted(self, application: object) -> None:
        called, self._on_first_paint = self._on_first_paint, lambda: None
        called()
