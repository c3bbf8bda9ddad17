"""Draws labels as bars, and a text coloured by how much each token counted for or against the label."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from prompt_toolkit.utils import get_cwidth

from seqshell.core.events import Label
from seqshell.core.events.answers import LIKELY_LABEL
from seqshell.core.sanitize import safe
from seqshell.terminal.background import Ink
from seqshell.terminal.heat_map import pad
from seqshell.terminal.printer import Printer
from seqshell.terminal.tables import bar, percent

MAX_BARS = 8  # further labels are summed
WIDEST_NAME, WIDEST_BAR = 24, 40
GAP = " ... "  # in place of omitted text
SHADES = 3  # of each colour
FOR, AGAINST = "123456789", "abcdefghi"  # marks under a token, without colour


def draw_label(printer: Printer, label: Label) -> None:
    """Draw the explained text, if there is one, and the bars; for a line of a file, one line."""
    if label.moved:
        draw_explanation(printer, label)
    if label.item is None:
        draw_bars(printer, label)
    else:
        _draw_line(printer, label)


def draw_bars(printer: Printer, label: Label) -> None:
    """Draw one row per likely label, at least two, most likely first, and the sum of the others."""
    if not label.probs:
        printer.line("no text to classify", "dim")
        return
    printer.fresh_line()
    rows = [pair for rank, pair in enumerate(label.probs[:MAX_BARS]) if rank < 2 or pair[1] >= LIKELY_LABEL]
    others = label.probs[len(rows) :]
    rest = f"{len(others):,} other{'s' if len(others) > 1 else ''}" if others else ""
    names = [_name(name) for name, _ in rows]
    width = min(WIDEST_NAME, max(map(get_cwidth, [*names, rest])))
    room = max(4, min(WIDEST_BAR, printer.width - width - 11))
    for rank, (name, (_, probability)) in enumerate(zip(names, rows, strict=True)):
        printer.write(pad(name, width), "" if rank else "bold")
        printer.write(f"  {percent(probability)}  ", "dim" if rank else "")
        printer.write(bar(probability, room, printer.unicode).rstrip(), "bar")
        printer.write("\n")
    if others:
        printer.line(f"{pad(rest, width)}  {percent(math.fsum(probability for _, probability in others))}", "dim")
    if label.left_out:
        printer.line(omitted_text(label.left_out, label.end - label.start), "dim")


def omitted_text(left_out: tuple[int, int], num_read: int) -> str:
    """Describe which tokens of a long text were skipped. left_out: see Label."""
    number, before = left_out
    where = "the first" if not before else "the last" if before == num_read else f"after the first {before:,},"
    return f"the text is too long: {where} {number:,} of {num_read + number:,} tokens were skipped"


def draw_explanation(printer: Printer, label: Label) -> None:
    """Draw the text with each token in blue or orange, for or against the answer; a stronger shade for a larger effect.

    Without shades, a digit or a letter under each token shows the same.
    """
    most = max(abs(moved) for _, moved in label.moved)
    others = [name for name, _ in label.probs if name != label.answer]
    towards = f"towards {_name(label.answer)}"
    away = f"towards {_name(others[0])}" if len(others) == 1 else f"against {_name(label.answer)}"
    printer.fresh_line()
    tokens = _wrapped(_with_gap(label), printer.width - 1)
    if printer.has_shades:
        for text, moved in tokens:
            strength = _level(moved, most, SHADES)
            printer.write(text, Ink(math.copysign(strength / SHADES, moved)) if strength else "")
        printer.fresh_line()
        printer.write(towards, Ink(1))
        printer.write(", ", "dim")
        printer.write(f"{away}\n", Ink(-1))
    else:
        _write_with_marks(printer, tokens, most)
        printer.line(f"1 to 9: {towards}, a to i: {away}")
    strongest, moved = max(label.moved, key=lambda pair: abs(pair[1]))
    name = _name(strongest.strip()) or "a space"
    printer.line(f"{name} pushes most, {towards if moved > 0 else away}", "dim")


def _wrapped(tokens: Sequence[tuple[str, float]], width: int) -> list[tuple[str, float]]:
    """Return the tokens as safe text, with a newline in place of each space where a line is wrapped."""
    texts = [_name(text) for text, _ in tokens]
    whole = list("".join(texts))
    column, space = 0, -1  # space: where the line can still be wrapped
    for index, character in enumerate(whole):
        column += get_cwidth(character)
        if character == " ":
            space = index
        elif column > width and space >= 0:
            whole[space] = "\n"
            column, space = sum(map(get_cwidth, whole[space + 1 : index + 1])), -1
    ends = list(itertools.accumulate(map(len, texts)))
    pieces = ("".join(whole[start:end]) for start, end in zip([0, *ends], ends, strict=False))
    return [(piece, moved) for piece, (_, moved) in zip(pieces, tokens, strict=True)]


def _write_with_marks(printer: Printer, tokens: Sequence[tuple[str, float]], most: float) -> None:
    """Draw each line of the text with a line of marks under it; the mark of a token is under its first character."""
    line, marks = "", ""

    def end_line() -> None:
        printer.write(line + "\n")
        if marks.strip():
            printer.line(marks.rstrip(), "dim")

    for text, moved in tokens:
        level = _level(moved, most, len(FOR))
        mark = (FOR if moved > 0 else AGAINST)[level - 1] if level else " "
        for character in text:
            width = get_cwidth(character)
            if character == "\n" or get_cwidth(line) + width > printer.width - 1:
                end_line()
                line, marks = "", ""
            if character == "\n":
                continue
            own = mark if width and (character != " " or not text.strip()) else " "
            line, marks = line + character, marks + (own + " " * (width - 1) if width else "")
            mark = " " if own == mark else mark
    end_line()


def _with_gap(label: Label) -> list[tuple[str, float]]:
    """Return the tokens, with dots in place of omitted ones."""
    tokens = list(label.moved)
    if label.left_out:
        tokens.insert(label.left_out[1], (GAP, 0.0))
    return tokens


def _level(moved: float, most: float, levels: int) -> int:
    """Return the effect of a token relative to the strongest: 1 to `levels`, or 0 for less than a twentieth."""
    part = abs(moved) / most if most > 0 else 0.0
    return math.ceil(part * levels) if part >= 0.05 else 0


def _draw_line(printer: Printer, label: Label) -> None:
    """Draw label, probability and as much of the text as fits."""
    width = min(WIDEST_NAME, max((get_cwidth(_name(name)) for name, _ in label.probs), default=0))
    text = _name(label.text)
    printer.fresh_line()
    if label.probs:
        printer.write(f"{pad(_name(label.answer), width)}  {percent(label.probs[0][1])}  ")
        printer.write(pad(text, max(1, min(get_cwidth(text), printer.width - width - 12))).rstrip(), "dim")
    printer.write("\n")


def _name(text: str) -> str:
    """Return the text on one line."""
    return safe(text).replace("\n", " ").replace("\t", " ")
