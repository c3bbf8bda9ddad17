"""Labels on the screen: a bar for each likely one, and the text in the colours of how its tokens changed the answer."""

from __future__ import annotations

import math

from prompt_toolkit.utils import get_cwidth

from seqshell.core.events import Label
from seqshell.core.sanitize import safe
from seqshell.core.text_output import LIKELY_LABEL
from seqshell.terminal.heat_map import fitted
from seqshell.terminal.printer import Printer
from seqshell.terminal.tables import bar, share

MOST_BARS = 8  # the labels beyond are told as one sum
WIDEST_NAME, WIDEST_BAR = 24, 40
GAP = " ... "  # where a long text was cut
STRENGTHS = 3  # of either colour
TOWARD, AWAY = "123456789", "abcdefghi"  # under a token, where there are no colours


def draw_label(printer: Printer, label: Label) -> None:
    """The text in colours, where it is explained, and the bars; of a line of a file, one line."""
    if label.moved:
        draw_moved(printer, label)
    if label.item is None:
        draw_bars(printer, label)
    else:
        _draw_line(printer, label)


def draw_bars(printer: Printer, label: Label) -> None:
    """One row for each likely label, the likeliest first; two at least, and the sum of the others."""
    if not label.probs:
        printer.line("nothing was read, so there is nothing to label", "dim")
        return
    printer.fresh_line()
    rows = [pair for rank, pair in enumerate(label.probs[:MOST_BARS]) if rank < 2 or pair[1] >= LIKELY_LABEL]
    others = label.probs[len(rows) :]
    rest = f"{len(others):,} other{'s' if len(others) > 1 else ''}" if others else ""
    names = [_name(name) for name, _ in rows]
    width = min(WIDEST_NAME, max(map(get_cwidth, [*names, rest])))
    room = max(4, min(WIDEST_BAR, printer.width - width - 11))
    for rank, (name, (_, probability)) in enumerate(zip(names, rows, strict=True)):
        printer.write(fitted(name, width), "" if rank else "bold")
        printer.write(f"  {share(probability)}  ", "dim" if rank else "")
        printer.write(bar(probability, room, printer.unicode).rstrip(), "bar")
        printer.write("\n")
    if others:
        printer.line(f"{fitted(rest, width)}  {share(math.fsum(probability for _, probability in others))}", "dim")
    if label.left_out:
        printer.line(omitted_text(label.left_out, label.end - label.start), "dim")


def omitted_text(left_out: tuple[int, int], num_read: int) -> str:
    """What was not read of a text, in words. left_out: as in Label."""
    number, before = left_out
    where = "the first" if not before else "the last" if before == num_read else f"after the first {before:,},"
    return f"{where} {number:,} of the {num_read + number:,} tokens were not read: the text is too long"


def draw_moved(printer: Printer, label: Label) -> None:
    """The text, each token in green or red as it spoke for or against the answer, the stronger the more; where there are no colours, a digit
    or a letter under it."""
    most = max(abs(moved) for _, moved in label.moved)
    printer.fresh_line()
    if printer.coloured:
        for text, moved in _with_gap(label):
            strength = _level(moved, most, STRENGTHS)
            printer.write(text, f"{'toward' if moved > 0 else 'away'}-{strength}" if strength else "")
        printer.fresh_line()
        printer.write(f"for {_name(label.answer)}", "toward-3")
        printer.write(", ", "dim")
        printer.write("against", "away-3")
    else:
        _write_with_marks(printer, label, most)
        printer.write(f"for {_name(label.answer)} 1 to 9, against a to i")
    strongest = max(label.moved, key=lambda pair: abs(pair[1]))
    printer.write(f" · most: {_name(strongest[0].strip()) or 'a space'} {strongest[1]:+.2f} nats of log-odds", "dim")
    printer.write("\n")


def _write_with_marks(printer: Printer, label: Label, most: float) -> None:
    """Lines of the text, each with a line of marks under it, a token's under its first character."""
    line, marks = "", ""

    def put() -> None:
        printer.write(line + "\n")
        if marks.strip():
            printer.line(marks.rstrip(), "dim")

    for text, moved in _with_gap(label):
        level = _level(moved, most, len(TOWARD))
        mark = (TOWARD if moved > 0 else AWAY)[level - 1] if level else " "
        for character in safe(text).replace("\n", " ").replace("\t", " "):
            width = get_cwidth(character)
            if get_cwidth(line) + width > printer.width - 1:
                put()
                line, marks = "", ""
            own = mark if width and (character != " " or not text.strip()) else " "
            line, marks = line + character, marks + (own + " " * (width - 1) if width else "")
            mark = " " if own == mark else mark
    put()


def _with_gap(label: Label) -> list[tuple[str, float]]:
    """The tokens, with dots where some were left out."""
    tokens = list(label.moved)
    if label.left_out:
        tokens.insert(label.left_out[1], (GAP, 0.0))
    return tokens


def _level(moved: float, most: float, levels: int) -> int:
    """How strongly a token moved the belief beside the one that did most: 0 for less than a twentieth of it, else 1 to `levels`."""
    part = abs(moved) / most if most > 0 else 0.0
    return math.ceil(part * levels) if part >= 0.05 else 0


def _draw_line(printer: Printer, label: Label) -> None:
    """Label, probability and, as far as there is room, the text."""
    width = min(WIDEST_NAME, max((get_cwidth(_name(name)) for name, _ in label.probs), default=0))
    text = _name(label.text)
    printer.fresh_line()
    if label.probs:
        printer.write(f"{fitted(_name(label.answer), width)}  {share(label.probs[0][1])}  ")
        printer.write(fitted(text, max(1, min(get_cwidth(text), printer.width - width - 12))).rstrip(), "dim")
    printer.write("\n")


def _name(text: str) -> str:
    """On one line."""
    return safe(text).replace("\n", " ").replace("\t", " ")
