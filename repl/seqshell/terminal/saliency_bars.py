"""Draws /reach as bars: one row per token, oldest first; of a long text, one row per group of tokens.

The bars are logarithmic, so that exponential decay is a straight slope.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from prompt_toolkit.utils import get_cwidth

from seqshell.core.text_output import fixed, short
from seqshell.core.units import in_unit
from seqshell.terminal.heat_map import pad
from seqshell.terminal.table_layout import draw_table
from seqshell.terminal.tables import bar, token_name

if TYPE_CHECKING:
    from seqshell.core.events import Reach
    from seqshell.terminal.printer import Printer

MAX_ROWS = 40
MAX_DECADES = 12  # powers of ten between an empty bar and the longest
WIDEST = 20  # columns of a token's name


def draw(printer: Printer, reach: Reach) -> None:
    """Draw how far back each token is, its gradient norm and a bar; then the predicted token and the half-life.

    The parts of the state, if there are any, follow as a table.
    """
    size = math.ceil(len(reach.tokens) / MAX_ROWS)
    # Counted from the end, so that only the oldest group may be smaller.
    groups = [reach.tokens[max(0, end - size) : end] for end in range(len(reach.tokens), 0, -size)][::-1]
    names = [token_name("".join(text for text, _ in group)) for group in groups]
    norms = [sum(norm for _, norm in group) / len(group) for group in groups]
    length_of = _lengths(norms)
    label = min(max(5, *map(get_cwidth, names)), WIDEST)
    room = max(4, min(48, printer.width - label - 20))
    mean = f", mean of {size}" if size > 1 else ""
    printer.line(f"{'back':>4}  {'token'.ljust(label)}  |d log p / d embedding|{mean}, log scale", "dim")
    back = len(reach.tokens)
    for group, name, norm in zip(groups, names, norms, strict=True):
        printer.write(f"{back:4}  {pad(name, label)}  {short(norm):<9} ")
        printer.write(bar(length_of(norm), room, printer.unicode).rstrip(), "bar")
        printer.write("\n")
        back -= len(group)
    printer.line(summary(reach))
    if reach.parts:
        draw_table(printer, reach.layers())


def _lengths(norms: Sequence[float]) -> Callable[[float], float]:
    """Return a function from a norm to the length of its bar, 0 to 1, on a log scale over the range of the norms."""
    found = [norm for norm in norms if norm > 0] or [1.0]
    decades = min(MAX_DECADES, max(1, math.ceil(math.log10(max(found) / min(found)))))
    return lambda norm: max(0.0, 1 + math.log10(norm / max(found)) / decades) if norm > 0 else 0.0


def summary(reach: Reach) -> str:
    """Describe the predicted token and how fast the norms decay."""
    decay = "no decay with distance" if reach.half_life is None else f"half-life {short(reach.half_life)} tokens"
    log_prob = in_unit(reach.log_prob, reach.unit)
    return f"next token {token_name(reach.answer)}, log p {fixed(log_prob)} {reach.unit} · {decay}"
