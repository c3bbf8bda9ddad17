"""The only way to the screen: every text passes `safe` here before it is coloured."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TextIO, TypeAlias

from prompt_toolkit.utils import get_cwidth

from seqshell.core.capture import terminal_of
from seqshell.core.colours import CATEGORIES, CATEGORIES_OF_256, NUM_CATEGORIES, ink, ink_of_256
from seqshell.core.sanitize import safe
from seqshell.core.text_output import in_one_line
from seqshell.terminal.background import UNKNOWN, Ink, Tint, background_of, code
from seqshell.terminal.wrapping import wrapped

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

TRUE_COLOUR = 1 << 24
Style: TypeAlias = str | Ink | Tint  # one of STYLES, or a colour, which only shows where there are shades


def number_of_colours(choice: str, environment: Mapping[str, str]) -> int:
    """The number of colours: TRUE_COLOUR, 256, 16, 0 (bold and dim only) or -1 (no escape sequences).

    choice: of --color. environment: describes the terminal.
    """
    term = environment.get("TERM", "")
    if term in ("", "dumb", "unknown"):
        return -1
    if choice == "never" or (choice != "always" and environment.get("NO_COLOR")):
        return 0
    if environment.get("COLORTERM") in ("truecolor", "24bit"):
        return TRUE_COLOUR
    return 256 if "256color" in term or environment.get("COLORTERM") else 16


def printer_on(stream: TextIO, color: str = "auto") -> Printer:
    """A printer for the terminal that the environment describes. color: of --color."""
    colours = number_of_colours(color, os.environ)
    return Printer(stream, colours=colours, background=background_of("auto", os.environ))


def terminal_width(stream: TextIO) -> int:
    """The width of the window, or 80 if it is unknown."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


def terminal_height(stream: TextIO) -> int:
    """The height of the window, or 24 if it is unknown."""
    try:
        return os.get_terminal_size(stream.fileno()).lines or 24
    except (OSError, ValueError):
        return 24


class Printer:
    """Writes to a terminal and keeps track of the column.

    colours: as `number_of_colours` returns it. background: as `background_of` returns it; a setting may change it.
    width: called for each drawing, because windows are resized.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        colours: int = 256,
        background: str = UNKNOWN,
        width: Callable[[], int] | None = None,
    ) -> None:
        self.stream = stream = terminal_of(stream)
        self.colours = colours
        self.background = background
        self.unicode = (stream.encoding or "utf-8").lower().startswith("utf") and colours >= 0
        self._width = width or (lambda: terminal_width(stream))
        self.column = 0

    @property
    def width(self) -> int:
        return max(20, self._width())

    @property
    def height(self) -> int:
        """The number of rows of the window."""
        return terminal_height(self.stream)

    @property
    def coloured(self) -> bool:
        return self.colours > 0

    @property
    def has_shades(self) -> bool:
        """Whether shades of a colour can be told apart; else digits or letters take their place."""
        return self.colours >= 256

    def write(self, text: str, style: Style = "") -> None:
        """Show a text, made safe, in a style; it appears at once."""
        text = safe(text)
        self._advance(text)
        self.stream.write(self._dressed(text, style))
        self.stream.flush()

    def line(self, text: str = "", style: str = "") -> None:
        """Show a text on lines of its own, wrapped between words."""
        self.fresh_line()
        self.write("\n".join(part for line in safe(text).split("\n") for part in wrapped(line, self.width - 1)), style)
        self.write("\n")

    def rows(self, rows: Sequence[Sequence[tuple[str, Style]]], *, above: int = 0) -> None:
        """Draw rows of texts with their styles, in place of the `above` last lines, in one write, so nothing flickers.

        The cursor is at the start of a line, before and after. Only a terminal with escape sequences has lines above.
        """
        end = "\x1b[K\n" if above else "\n"
        text = "".join(
            "".join(self._dressed(safe(in_one_line(part)), style) for part, style in row) + end for row in rows
        )
        if above:
            # Between the outer two, a terminal that knows them shows nothing yet.
            text = f"\x1b[?2026h\r\x1b[{above}A{text}\x1b[J\x1b[?2026l"
        self.stream.write(text)
        self.stream.flush()
        self.column = 0

    def fresh_line(self) -> None:
        """Go to the start of a new line, unless the line is empty."""
        if self.column:
            self.write("\n")

    def erase_line(self) -> None:
        """Erase this line; on a terminal that cannot, go to the next."""
        if self.colours < 0:
            self.fresh_line()
        elif self.column:
            self.stream.write("\r\x1b[K")
            self.stream.flush()
            self.column = 0

    def block(self, colour: int | tuple[int, int, int], width: int) -> None:
        """Draw a block in one of 256 colours, or in red, green and blue."""
        code = f"5;{colour}" if isinstance(colour, int) else f"2;{';'.join(map(str, colour))}"
        self.stream.write(f"\x1b[48;{code}m{' ' * width}\x1b[0m")
        self.column += width

    def sequence(self, style: Style) -> str:
        """The numbers between ESC [ and m for a style; empty for plain text."""
        if isinstance(style, str):
            return code(style, self.colours, self.background) if style and self.colours >= 0 else ""
        if not self.has_shades:
            return ""
        if isinstance(style, Tint):
            again, place = divmod(style.number, NUM_CATEGORIES)
            before = ("", "1;", "4;", "1;4;")[min(again, 3)]
            if self.colours == TRUE_COLOUR:
                return f"{before}38;2;{';'.join(map(str, CATEGORIES[self.background][place]))}"
            return f"{before}38;5;{CATEGORIES_OF_256[self.background][place]}"
        if self.colours == TRUE_COLOUR:
            return f"38;2;{';'.join(map(str, ink(style.share, self.background)))}"
        return f"38;5;{ink_of_256(style.share, self.background)}"

    def text(self, content: Any, style: str = "") -> Text:
        """A text for rich, made safe and without markup."""
        from rich.text import Text as Piece

        return Piece(safe(str(content)), style=self.rich_style(style))

    def rich_style(self, style: str) -> str:
        """One of the STYLES as rich names it."""
        numbers = self.sequence(style)
        if numbers.startswith("38;5;"):
            return f"color({numbers[5:]})"
        if numbers.isdigit() and int(numbers) >= 30:
            return f"color({int(numbers) - 30 if int(numbers) < 90 else int(numbers) - 82})"
        return {"1": "bold", "2": "dim"}.get(numbers, "")

    def console(self, *, follow: bool = False) -> Console:
        """A rich console on this stream, as wide as the window. follow: it adapts to a resized window.

        Only what `text` made may be printed on it.
        """
        from rich.console import Console

        return Console(
            file=self.stream,
            width=None if follow else self.width,
            force_terminal=self.colours >= 0,
            color_system={TRUE_COLOUR: "256", 256: "256", 16: "standard"}.get(self.colours),  # type: ignore[arg-type]  # literals
            no_color=self.colours <= 0,
            markup=False,
            highlight=False,
            emoji=False,
            legacy_windows=False,
            safe_box=not self.unicode,
        )

    def draw(self, renderable: RenderableType) -> None:
        """Draw a table or tree of rich on lines of its own."""
        self.fresh_line()
        self.console().print(renderable, soft_wrap=False)
        self.stream.flush()

    def _dressed(self, text: str, style: Style) -> str:
        numbers = self.sequence(style)
        if not numbers:
            return text
        return "\n".join(f"\x1b[{numbers}m{part}\x1b[0m" if part else "" for part in text.split("\n"))

    def _advance(self, text: str) -> None:
        """Move the column over a text that is already safe."""
        _, newline, last = text.rpartition("\n")
        if newline:
            self.column = 0
        for character in last:
            self.column = (self.column // 8 + 1) * 8 if character == "\t" else self.column + get_cwidth(character)
        if self.column > self.width:  # the terminal has wrapped
            self.column = self.column % self.width or self.width
