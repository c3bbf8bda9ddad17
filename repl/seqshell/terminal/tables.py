"""Drawings made of characters: bars for /top, the table of /score, the tree of branches, heat maps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from prompt_toolkit.utils import get_cwidth

from seqshell.core import attention_labels
from seqshell.core.events import (
    Alternatives,
    Attention,
    Branch,
    Branches,
    PairScores,
    Picture,
    Score,
    Scored,
    Scores,
    Top,
)
from seqshell.core.sanitize import safe
from seqshell.core.text_output import fixed
from seqshell.core.units import in_unit
from seqshell.terminal import heat_map
from seqshell.terminal.heat_map import HeatMap, pad
from seqshell.terminal.printer import Printer
from seqshell.terminal.surprisal import shade
from seqshell.terminal.table_layout import draw_table
from seqshell.terminal.token_writer import TokenWriter

if TYPE_CHECKING:
    from rich.text import Text as Piece
    from rich.tree import Tree

EIGHTHS = " ▏▎▍▌▋▊▉█"
MAX_ROWS, MAX_COLUMNS = 120, 120  # of attention weights that are drawn
ALL_ROWS = 60  # of /score; a longer text shows only its most surprising tokens
NUM_SURPRISING = 12
WIDEST_TOKEN = 16  # columns of a token's name


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
    _draw_likely(printer, [(token.text, token.log_prob, token.chain_log_prob) for token in top.tokens])


def draw_alternatives(printer: Printer, found: Alternatives) -> None:
    """Draw them as `draw_top` does, with the numbers to choose by; the token that was taken has a star and is bold."""
    printer.line(found.title(), "dim")
    number = len(str(max((each.rank for each in found.choices), default=0)))
    marks = [(f"{'*' if each.taken else ' '} {each.rank:>{number}}  ", each.taken) for each in found.choices]
    _draw_likely(printer, [(each.text, each.log_prob, each.chain_log_prob) for each in found.choices], marks)


def _draw_likely(
    printer: Printer, tokens: Sequence[tuple[str, float, float]], marks: Sequence[tuple[str, bool]] = ()
) -> None:
    """Draw tokens with their two log-probabilities. marks: for each, what comes before it, and whether it is bold."""
    names = [token_name(text) for text, _, _ in tokens]
    marks = marks or [("", False)] * len(tokens)
    indent = max((len(mark) for mark, _ in marks), default=0)
    label = min(max([5, *map(get_cwidth, names)]), WIDEST_TOKEN)
    room = max(4, min(28, (printer.width - indent - label - 20) // 2))
    printer.line(f"{' ' * indent}{'token'.ljust(label)}  {'model'.ljust(8 + room)}  with sampler", "dim")
    for name, (_, *log_probs), (mark, is_bold) in zip(names, tokens, marks, strict=True):
        printer.write(mark + pad(name, label), "bold" if is_bold else "")
        for log_prob, style, last in zip(log_probs, ("bar", "chain"), (False, True), strict=True):
            part = math.exp(log_prob)
            printer.write(f"  {percent(part)}  " if part else "       -  ", "" if part else "dim")
            drawn = bar(part, room, printer.unicode)
            printer.write(drawn.rstrip() if last else drawn, style)
        printer.write("\n")


def draw_score(printer: Printer, score: Score) -> None:
    """Draw the text coloured by surprisal, a table of its tokens (the most surprising ones), and the totals."""
    printer.fresh_line()
    writer = TokenWriter(printer)
    for token in score.tokens:
        writer.write(token.text, *shade(-token.log_prob, score.unit))
    writer.finish_line()
    printer.fresh_line()

    rows = list(enumerate(score.tokens))
    if len(rows) > ALL_ROWS:
        rows = sorted(rows, key=lambda row: row[1].log_prob)[:NUM_SURPRISING]
        printer.line(f"the {len(rows)} most surprising of {len(score.tokens):,} tokens", "dim")
    names = [token_name(token.text) for _, token in rows]
    number, label = len(str(len(score.tokens))), min(max([5, *map(get_cwidth, names)]), WIDEST_TOKEN)
    rank = max(4, *(len(f"{token.rank + 1:,}") for _, token in rows)) if rows else 4
    heading = f"{' ' * number}  {pad('token', label)}    prob  surprisal  {'rank'.rjust(rank)}  "
    likely = _alternatives([token for _, token in rows], printer.width - get_cwidth(heading))
    printer.line(f"{heading}{'most likely' if any(likely) else ''}".rstrip(), "dim")
    for (index, token), name, others in zip(rows, names, likely, strict=True):
        surprisal = f"{fixed(in_unit(-token.log_prob, score.unit)):>9}"
        figures = f"{percent(math.exp(token.log_prob))}  {surprisal}  {f'{token.rank + 1:,}'.rjust(rank)}"
        printer.write(f"{index + 1:{number}}  {pad(name, label)}  {figures}")
        printer.write(f"  {others}" if others else "", "dim")
        printer.write("\n")
    printer.line(score.summary())


def draw_scores(printer: Printer, scores: Scores | PairScores) -> None:
    """Draw the first rows of a table of scores, and the totals or the share."""
    table = scores.table()
    draw_table(printer, replace(table, rows=table.rows[:ALL_ROWS]))
    if len(table.rows) > ALL_ROWS:
        printer.line(f"the first {ALL_ROWS} of {len(table.rows):,} rows; -o FILE.tsv writes all", "dim")
    printer.line(scores.summary())


def _alternatives(tokens: Sequence[Scored], room: int) -> list[str]:
    """Return the most likely tokens in place of each with their probabilities, in columns: as many as fit the room."""
    found = [""] * len(tokens)
    for place in range(max((len(token.most_likely) for token in tokens), default=0)):
        cells = [token.most_likely[place] if place < len(token.most_likely) else None for token in tokens]
        names = [token_name(cell[0]) if cell else "" for cell in cells]
        label = min(max(map(get_cwidth, names)), WIDEST_TOKEN)
        room -= label + 7 + (2 if place else 0)
        if room < 0:
            break
        for index, (cell, name) in enumerate(zip(cells, names, strict=True)):
            if cell:
                gap = "  " if place else ""
                found[index] += f"{gap}{pad(name, label)} {percent(math.exp(cell[1]))}"
    return found


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
