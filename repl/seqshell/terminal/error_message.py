"""How a line that failed is drawn: one clear line, with a caret under what the model does not know."""

from __future__ import annotations

from prompt_toolkit.utils import get_cwidth

from seqshell.core.errors import VocabularyError
from seqshell.core.sanitize import safe
from seqshell.shell.failures import fault_of, is_debugging
from seqshell.terminal.printer import Printer

BACK = "your line is back in the prompt"


def draw_error(printer: Printer, error: Exception, *, put_back: bool = False) -> None:
    """The message, the place in the user's text where there is one, and the way out. put_back: the prompt holds the line again."""
    fault = fault_of(error)
    shown = isinstance(error, VocabularyError) and bool(error.text and error.positions)
    printer.line(
        fault.message.partition("; ")[0] if shown else fault.message, "error"
    )  # the carets tell the rest better
    if fault.details and is_debugging():
        printer.line(fault.details.rstrip("\n"), "dim")
    if isinstance(error, VocabularyError) and shown:
        text, carets = caret_picture(error.text, error.positions, printer.width - 3)
        printer.line("  " + text)
        printer.line("  " + carets, "error")
    way_out = "" if fault.hint in fault.message else fault.hint
    told = "; ".join(
        filter(None, (way_out, BACK if put_back and (way_out or isinstance(error, VocabularyError)) else ""))
    )
    if told:
        printer.line(told, "dim")


def caret_picture(text: str, positions: tuple[int, ...], width: int) -> tuple[str, str]:
    """The line of the text that holds the first position, and a line of ^ under all positions on it; at most `width` columns."""
    start = text.rfind("\n", 0, positions[0]) + 1
    end = text.find("\n", positions[0])
    end = len(text) if end < 0 else end
    first = start
    while get_cwidth(safe(text[first : positions[0] + 1])) > width * 2 // 3:
        first += 1
    wrong = set(positions)
    shown, carets = "", ""
    for index in range(first, end):
        piece = "→" if text[index] == "\t" else safe(text[index])
        cells = get_cwidth(piece)
        if get_cwidth(shown) + cells > width:
            break
        shown += piece
        carets += ("^" if index in wrong else " ") * cells
    return shown, carets.rstrip()
