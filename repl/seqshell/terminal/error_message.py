"""Draws an error: one line, with carets under characters that are not in the vocabulary."""

from __future__ import annotations

from prompt_toolkit.utils import get_cwidth

from seqshell.core.errors import VocabularyError
from seqshell.core.sanitize import safe
from seqshell.shell.failures import fault_of, is_debugging
from seqshell.terminal.printer import Printer

KEPT = "your line is back in the prompt"


def draw_error(printer: Printer, error: Exception, *, put_back: bool = False) -> None:
    """Draw the message, the characters that are not in the vocabulary, and the hint.

    put_back: the line is back in the prompt.
    """
    fault = fault_of(error)
    has_carets = isinstance(error, VocabularyError) and bool(error.text and error.positions)
    # Where carets mark the characters, their positions need no words.
    printer.line(fault.message.partition("; ")[0] if has_carets else fault.message, "error")
    if fault.details and is_debugging():
        printer.line(fault.details.rstrip("\n"), "dim")
    if isinstance(error, VocabularyError) and has_carets:
        text, carets = underline(error.text, error.positions, printer.width - 3)
        printer.line("  " + text)
        printer.line("  " + carets, "error")
    hint = "" if fault.hint in fault.message else fault.hint
    kept = KEPT if put_back and (hint or isinstance(error, VocabularyError)) else ""
    advice = "; ".join(filter(None, (hint, kept)))
    if advice:
        printer.line(advice, "dim")


def underline(text: str, positions: tuple[int, ...], width: int) -> tuple[str, str]:
    """Return the line of the text with the first position, and a line of ^ under its positions.

    Both have at most `width` columns.
    """
    start = text.rfind("\n", 0, positions[0]) + 1
    end = text.find("\n", positions[0])
    end = len(text) if end < 0 else end
    first = start
    while get_cwidth(safe(text[first : positions[0] + 1])) > width * 2 // 3:
        first += 1
    marked = set(positions)
    line, carets = "", ""
    for index in range(first, end):
        drawn = "→" if text[index] == "\t" else safe(text[index])
        cells = get_cwidth(drawn)
        if get_cwidth(line) + cells > width:
            break
        line += drawn
        carets += ("^" if index in marked else " ") * cells
    return line, carets.rstrip()
