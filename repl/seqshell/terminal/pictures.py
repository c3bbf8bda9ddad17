"""Pictures made of characters: bars for /top, the table of /score, the tree of branches, heat maps."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from prompt_toolkit.utils import get_cwidth

from seqshell.door import safe
from seqshell.events import Branch, Branches, Picture, Score, Top
from seqshell.terminal.printer import Printer
from seqshell.terminal.surprisal import TokenWriter

if TYPE_CHECKING:
    from rich.text import Text as Piece
    from rich.tree import Tree

EIGHTHS = " ▏▎▍▌▋▊▉█"
ASCII_SHADES = " .:-=+*#%@"
DARKEST, BRIGHTEST = 232, 255  # the greys of 256 colours
ALL_ROWS = 60  # a longer text shows only its most surprising tokens
SURPRISING = 12


def token_name(text: str) -> str:
    """A token as one visible word: itself, or in quotes where white space would be lost."""
    name = safe(text).replace("\n", "\\n").replace("\t", "\\t")
    return f"'{name}'" if not name or name != name.strip() or " " in name else name


def bar(share: float, width: int, unicode: bool) -> str:
    """A bar of `share` (0 to 1) of the width, padded to it."""
    eighths = round(max(0.0, min(1.0, share)) * width * 8)
    if not unicode:
        return ("#" * round(eighths / 8)).ljust(width)
    return ("█" * (eighths // 8) + EIGHTHS[eighths % 8].strip()).ljust(width)


def percent(log_prob: float) -> str:
    """A log-probability as per cent, right-justified in 6 places."""
    share = 100 * math.exp(log_prob)
    return f"{'<.01' if 0 < share < 0.01 else f'{share:.2f}' if share < 10 else f'{share:.1f}'}%".rjust(6)


def draw_top(printer: Printer, top: Top) -> None:
    """One row a token: the model's bar and, beside it, the one after the chain."""
    names = [token_name(token.text) for token in top.tokens]
    label = min(max([5, *map(get_cwidth, names)]), 16)
    room = max(4, min(28, (printer.width - label - 20) // 2))
    printer.line(f"{'token'.ljust(label)}  {'model'.ljust(8 + room)}  after the chain", "dim")
    for token, name in zip(top.tokens, names, strict=True):
        printer.write(_fit(name, label))
        for log_prob, style, last in ((token.log_prob, "bar", False), (token.chain_log_prob, "chain", True)):
            share = math.exp(log_prob)
            printer.write(f"  {percent(log_prob)}  " if share else "       -  ", "" if share else "dim")
            drawn = bar(share, room, printer.unicode)
            printer.write(drawn.rstrip() if last else drawn, style)
        printer.write("\n")


def draw_score(printer: Printer, score: Score) -> None:
    """The text coloured by surprisal, the tokens (the most surprising ones of a long text), and the figures of the whole."""
    from rich.table import Table as Grid

    printer.fresh_line()
    writer = TokenWriter(printer)
    for token in score.tokens:
        writer.write(token.text, -token.log_prob)
    writer.finish_line()
    printer.fresh_line()

    rows = list(enumerate(score.tokens))
    if len(rows) > ALL_ROWS:
        rows = sorted(rows, key=lambda row: row[1].log_prob)[:SURPRISING]
        printer.line(f"the {len(rows)} most surprising of {len(score.tokens):,} tokens", "dim")
    grid = Grid(box=None, header_style=printer.rich_style("dim"), padding=(0, 2, 0, 0), pad_edge=False)
    for column in ("", "token", "prob", "nats", "rank"):
        grid.add_column(printer.text(column), justify="left" if column == "token" else "right", no_wrap=True)
    grid.add_column(printer.text("likeliest"), no_wrap=True, overflow="ellipsis")
    for index, token in rows:
        others = "  ".join(f"{token_name(text)}{percent(log_prob)}" for text, log_prob in token.likeliest)
        cells = [f"{index + 1}", token_name(token.text), percent(token.log_prob), f"{-token.log_prob:.2f}", f"{token.rank:,}"]
        grid.add_row(*map(printer.text, cells), printer.text(others, "dim"))
    printer.draw(grid)
    printer.line(
        f"sum {-score.log_prob:.4g} nats · mean {score.nats:.4g} · {score.bits_per_char:.4g} bits per character · perplexity {score.perplexity:.4g}"
    )


def draw_branches(printer: Printer, branches: Branches) -> None:
    """The tree of branches, each with where it stands and its first words; a star marks the one you stand on."""
    from rich.tree import Tree

    top = Tree("", hide_root=True, guide_style=printer.rich_style("dim"))
    places: dict[str | None, Tree] = {}
    for branch in branches.branches:
        places[branch.name] = places.get(branch.parent, top).add(_branch_line(printer, branch))
    printer.draw(top)


def _branch_line(printer: Printer, branch: Branch) -> Piece:
    line = printer.text("")
    line.append_text(printer.text(f"{'* ' if branch.current else ''}{branch.name}", "bold" if branch.current else ""))
    where = f"  {branch.position:,}" if branch.parent is None else f"  {branch.fork:,} to {branch.position:,}"
    line.append_text(printer.text(where, "dim"))
    first = " ".join(branch.text.split())
    line.append_text(printer.text(f"  {first}"))
    line.no_wrap, line.overflow = True, "ellipsis"
    return line


def draw_heat_map(printer: Printer, picture: Picture) -> None:
    """Rows under upright column labels; the brighter a cell, or the denser its character, the larger its value."""
    array = picture.array
    rows = [token_name(str(name)) for name in picture.labels.get("rows", [""] * len(array))]
    columns = [token_name(str(name)) for name in picture.labels.get("columns", [])]
    number = len(array[0]) if len(array) else 0
    values = [[float(value) for value in row] for row in array]
    finite = [value for row in values for value in row if math.isfinite(value)]
    low, high = (min([0.0, *finite]), max(finite, default=1.0))
    span = (high - low) or 1.0
    label = min(max([1, *map(get_cwidth, rows)]), 16, printer.width // 3)
    cell = 2 if number * 2 + label + 1 <= printer.width else 1
    band = max(1, (printer.width - label - 2) // cell)
    for start in range(0, number, band):
        printer.fresh_line()
        _upright(printer, columns[start : start + band], label, cell)
        for name, row in zip(rows, values, strict=False):
            printer.write(_fit(name, label) + " ")
            for value in row[start : start + band]:
                _draw_cell(printer, (value - low) / span if math.isfinite(value) else 0.0, cell)
            printer.write("\n")
    printer.line(f"{low:.3g} {'dark' if printer.colours == 256 else 'blank'} to {high:.3g}", "dim")


def _draw_cell(printer: Printer, share: float, cell: int) -> None:
    if printer.colours == 256:
        printer.block(round(DARKEST + share * (BRIGHTEST - DARKEST)), cell)
    else:
        printer.write(ASCII_SHADES[min(len(ASCII_SHADES) - 1, int(share * len(ASCII_SHADES)))] * cell)


def _upright(printer: Printer, names: list[str], label: int, cell: int) -> None:
    """Column labels written downwards, their ends on the cells."""
    height = min(max(map(len, names), default=0), 12)
    for line in range(height):
        letters = "".join(name[:height].rjust(height)[line].ljust(cell) for name in names)
        printer.line(" " * (label + 1) + letters.rstrip(), "dim")


def _fit(name: str, width: int) -> str:
    """The name in exactly `width` columns."""
    while get_cwidth(name) > width:
        name = name[:-2] + "…" if len(name) > 1 else ""
    return name + " " * (width - get_cwidth(name))
