"""Drawings made of characters: bars for /top, the table of /score, the tree of branches, heat maps."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from prompt_toolkit.utils import get_cwidth

from seqshell.core import attention_labels
from seqshell.core.events import Attention, Branch, Branches, Picture, Score, Top
from seqshell.core.sanitize import safe
from seqshell.terminal import heat_map
from seqshell.terminal.heat_map import HeatMap, pad
from seqshell.terminal.printer import Printer
from seqshell.terminal.surprisal import TokenWriter

if TYPE_CHECKING:
    from rich.text import Text as Piece
    from rich.tree import Tree

EIGHTHS = " ▏▎▍▌▋▊▉█"
MAX_ROWS, MAX_COLUMNS = 120, 120  # of attention weights that are drawn
ALL_ROWS = 60  # of /score; a longer text shows only its most surprising tokens
NUM_SURPRISING = 12


def token_name(text: str) -> str:
    """Return a token as one visible word, in quotes if it contains white space."""
    name = safe(text).replace("\n", "\\n").replace("\t", "\\t")
    return f"'{name}'" if not name or name != name.strip() or " " in name else name


def bar(part: float, width: int, unicode: bool) -> str:
    """Return a bar that fills the share `part` (0 to 1) of the width, padded with spaces."""
    eighths = round(max(0.0, min(1.0, part)) * width * 8)
    if not unicode:
        return ("#" * round(eighths / 8)).ljust(width)
    return ("█" * (eighths // 8) + EIGHTHS[eighths % 8].strip()).ljust(width)


def percent(probability: float) -> str:
    """Format a probability as a percentage, right-justified in 6 columns."""
    part = 100 * probability
    return f"{'<.01' if 0 < part < 0.01 else f'{part:.2f}' if part < 10 else f'{part:.1f}'}%".rjust(6)


def draw_top(printer: Printer, top: Top) -> None:
    """Draw one row per token: a bar for the model's probability and one for the sampler chain's."""
    names = [token_name(token.text) for token in top.tokens]
    label = min(max([5, *map(get_cwidth, names)]), 16)
    room = max(4, min(28, (printer.width - label - 20) // 2))
    printer.line(f"{'token'.ljust(label)}  {'model'.ljust(8 + room)}  with sampler", "dim")
    for token, name in zip(top.tokens, names, strict=True):
        printer.write(pad(name, label))
        for log_prob, style, last in ((token.log_prob, "bar", False), (token.chain_log_prob, "chain", True)):
            part = math.exp(log_prob)
            printer.write(f"  {percent(part)}  " if part else "       -  ", "" if part else "dim")
            drawn = bar(part, room, printer.unicode)
            printer.write(drawn.rstrip() if last else drawn, style)
        printer.write("\n")


def draw_score(printer: Printer, score: Score) -> None:
    """Draw the text coloured by surprisal, a table of its tokens (the most surprising ones), and the totals."""
    from rich.table import Table as Grid

    printer.fresh_line()
    writer = TokenWriter(printer)
    for token in score.tokens:
        writer.write(token.text, -token.log_prob)
    writer.finish_line()
    printer.fresh_line()

    rows = list(enumerate(score.tokens))
    if len(rows) > ALL_ROWS:
        rows = sorted(rows, key=lambda row: row[1].log_prob)[:NUM_SURPRISING]
        printer.line(f"the {len(rows)} most surprising of {len(score.tokens):,} tokens", "dim")
    grid = Grid(box=None, header_style=printer.rich_style("dim"), padding=(0, 2, 0, 0), pad_edge=False)
    shown = [
        (
            f"{index + 1}",
            token_name(token.text),
            percent(math.exp(token.log_prob)),
            f"{-token.log_prob:.2f}",
            f"{token.rank:,}",
        )
        for index, token in rows
    ]
    room = printer.width
    for place, column in enumerate(("", "token", "prob", "nats", "rank")):
        grid.add_column(printer.text(column), justify="left" if column == "token" else "right", no_wrap=True)
        room -= 2 + max([len(column), *(get_cwidth(cells[place]) for cells in shown)])
    grid.add_column(printer.text("most likely"), no_wrap=True, overflow="ellipsis", max_width=max(10, room))
    for cells, (_, token) in zip(shown, rows, strict=True):
        others = "  ".join(f"{token_name(text)}{percent(math.exp(log_prob))}" for text, log_prob in token.most_likely)
        grid.add_row(*map(printer.text, cells), printer.text(others, "dim"))
    printer.draw(grid)
    total = f"sum {-score.log_prob:.4g} nats · mean {score.nats:.4g} nats"
    printer.line(f"{total} · {score.bits_per_char:.4g} bits per character · perplexity {score.perplexity:.4g}")


def draw_branches(printer: Printer, branches: Branches) -> None:
    """Draw the tree of branches with their positions and first words; a star marks the current one."""
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


def draw_picture(printer: Printer, picture: Picture) -> None:
    """Draw an array as a heat map. The scale runs from 0, or the smallest negative value, to the largest value."""
    values = [[float(value) for value in row] for row in picture.array]
    rows = [token_name(str(name)) for name in picture.labels.get("rows", [""] * len(values))]
    columns = [token_name(str(name)) for name in picture.labels.get("columns", [])]
    finite = [value for row in values for value in row if math.isfinite(value)]
    heat_map.draw(
        printer, HeatMap(rows, columns, values, min([0.0, *finite]), max(finite, default=1.0), keeps_cells=False)
    )


def draw_attention(printer: Printer, attention: Attention) -> None:
    """Draw attention weights: a row per target token, a column per source token, brighter for larger weights."""
    if not attention.target:
        printer.line("the translation is empty: no attention weights to show", "dim")
        return
    values = [[float(weight) for weight in row[:MAX_COLUMNS]] for row in attention.weights[:MAX_ROWS]]
    rows, columns = (
        list(map(safe, attention_labels.labels(tokens)))
        for tokens in (attention.target[:MAX_ROWS], attention.source[:MAX_COLUMNS])
    )
    heat_map.draw(printer, HeatMap(rows, columns, values))
    if len(attention.source) > MAX_COLUMNS or len(attention.target) > MAX_ROWS:
        source = f"{len(columns):,} of {len(attention.source):,} source tokens"
        target = f"{len(rows):,} of {len(attention.target):,} target tokens"
        printer.line(f"showing the first {source} and {target}; /attention -o FILE.json saves all", "dim")
