"""The keys of /pick, below the text, and of /explore, on the full screen."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from prompt_toolkit.application import Application
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.key_binding.key_bindings import KeyBindings
from prompt_toolkit.key_binding.key_processor import KeyPressEvent
from prompt_toolkit.keys import Keys
from prompt_toolkit.layout import Layout
from prompt_toolkit.layout.containers import Window
from prompt_toolkit.layout.controls import FormattedTextControl
from prompt_toolkit.output import ColorDepth
from prompt_toolkit.styles import Style

from seqshell.core.errors import SeqshellError, UsageError
from seqshell.inspect.exploring import Explorer
from seqshell.inspect.picking import MODEL, Picker
from seqshell.terminal.background import hexadecimal
from seqshell.terminal.choosing_screen import explore_rows, pick_rows
from seqshell.terminal.printer import Printer
from seqshell.terminal.prompt import DEPTHS
from seqshell.terminal.signals import Signals

PLAIN = {
    "title": "bold",
    "cursor": "reverse",
    "selected": "reverse",
    "taken": "bold",
    "keys": "dim",
    "dim": "dim",
    "message": "bold",
}
COLOURED = {"dim": "dim", "keys": "dim", "bar": "bar", "message": "warning"}  # names of STYLES
FAR = 1 << 40  # tokens: to either end of the text
PAGE = 20  # tokens

Action = Callable[[], Any]


def run(chooser: Picker | Explorer, printer: Printer, signals: Signals) -> None:
    """Let the user choose with keys until the end. UsageError on a terminal that cannot move the cursor."""
    if printer.colours < 0:
        raise UsageError(
            "this terminal cannot move the cursor, so nothing can be chosen with keys",
            hint="/pick 1 3 2 takes the tokens of these ranks",
        )
    printer.fresh_line()
    screen = ChoosingScreen(chooser, printer)
    with signals.prompting(screen.application):
        screen.application.run()


class ChoosingScreen:
    """An application of prompt_toolkit in which keys call the methods of a Picker or of an Explorer."""

    def __init__(self, chooser: Picker | Explorer, printer: Printer) -> None:
        self._chooser = chooser
        self._printer = printer
        self._message = ""
        full_screen = isinstance(chooser, Explorer)
        self._content = FormattedTextControl(self._fragments, show_cursor=False)
        self.application: Application[None] = Application(
            layout=Layout(Window(self._content, always_hide_cursor=True, dont_extend_height=not full_screen)),
            key_bindings=self._bindings(),
            style=_style(printer),
            include_default_pygments_style=False,
            color_depth=DEPTHS.get(printer.colours, ColorDepth.DEPTH_1_BIT),
            full_screen=full_screen,
            erase_when_done=True,
        )
        self.application.ttimeoutlen = self.application.timeoutlen = 0.1  # so that Escape acts at once

    def _bindings(self) -> KeyBindings:
        chooser = self._chooser
        keys: dict[str, Action] = (
            _explore_keys(chooser) if isinstance(chooser, Explorer) else _pick_keys(chooser, self._tell)
        )
        bindings = KeyBindings()
        for key, action in keys.items():
            bindings.add(key)(partial(self._press, action))
        ends = ["q", "escape", "c-c", "c-d", "<sigint>"] if isinstance(chooser, Explorer) else []
        for key in ends or ["escape", "c-c", "c-d", "<sigint>"]:
            bindings.add(key)(lambda event: event.app.exit())
        bindings.add(Keys.Any)(lambda event: None)
        return bindings

    def _press(self, action: Action, event: KeyPressEvent) -> None:
        """Do what a key stands for. An error that is no message ends the application, which restores the terminal."""
        self._message = ""
        try:
            action()
        except SeqshellError as error:
            self._message = error.message
        except BaseException as error:
            event.app.exit(exception=error)

    def _tell(self, message: str) -> None:
        self._message = message

    def _fragments(self) -> StyleAndTextTuples:
        """What the window shows now."""
        size, printer = self.application.output.get_size(), self._printer
        try:
            rows = (explore_rows if isinstance(self._chooser, Explorer) else pick_rows)(
                self._chooser,  # type: ignore[arg-type]  # each function with its own kind
                self._message,
                size.columns,
                size.rows,
                printer.unicode,
            )
        except BaseException as error:
            if self.application.is_running and not self.application.is_done:
                self.application.exit(exception=error)
            return []
        fragments: StyleAndTextTuples = []
        for index, row in enumerate(rows):
            fragments += [("", "\n")] if index else []
            fragments += row
        return fragments


def _style(printer: Printer) -> Style:
    coloured = {name: hexadecimal(style, printer.background) for name, style in COLOURED.items()}
    return Style.from_dict({**PLAIN, **coloured} if printer.coloured else PLAIN)


def _pick_keys(picker: Picker, tell: Callable[[str], None]) -> dict[str, Action]:
    def undo() -> None:
        if not picker.undo():
            tell("nothing to undo")

    keys: dict[str, Action] = {str(rank): partial(picker.take, rank) for rank in range(1, 10)}
    return {**keys, "0": partial(picker.take, MODEL), "enter": partial(picker.take, MODEL), "backspace": undo}


def _explore_keys(explorer: Explorer) -> dict[str, Action]:
    keys: dict[str, Action] = {str(rank): partial(explorer.take, rank) for rank in range(1, 10)}
    return {
        **keys,
        "left": partial(explorer.move, -1),
        "right": explorer.enter,
        "up": partial(explorer.select, -1),
        "down": partial(explorer.select, 1),
        "home": partial(explorer.move, -FAR),
        "end": partial(explorer.move, FAR),
        "pageup": partial(explorer.move, -PAGE),
        "pagedown": partial(explorer.move, PAGE),
        " ": explorer.fork,
        "u": explorer.undo,
        "backspace": explorer.undo,
    }
