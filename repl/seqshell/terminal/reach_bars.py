"""/reach as bars: one row a token, the oldest above; of many tokens, a row for every few of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from prompt_toolkit.utils import get_cwidth

from seqshell.terminal.heat_map import fitted
from seqshell.terminal.pictures import bar, token_name

if TYPE_CHECKING:
    from seqshell.events import Reach
    from seqshell.terminal.printer import Printer

MOST_ROWS = 40
WIDEST = 20  # columns of a token's name


def draw(printer: Printer, reach: Reach) -> None:
    """How far back, the token, its norm and a bar of it; then what they are the gradients of, and their half-life."""
    size = math.ceil(len(reach.tokens) / MOST_ROWS)
    groups = [reach.tokens[max(0, end - size) : end] for end in range(len(reach.tokens), 0, -size)][::-1]  # whole ones next to the last token
    names = [token_name("".join(text for text, _ in group)) for group in groups]
    norms = [sum(norm for _, norm in group) / len(group) for group in groups]
    largest = max(norms) or 1.0
    label = min(max(5, *map(get_cwidth, names)), WIDEST)
    room = max(4, min(48, printer.width - label - 20))
    mean = f", mean of {size}" if size > 1 else ""
    printer.line(f"{'back':>4}  {'token'.ljust(label)}  |d log p / d embedding|{mean}", "dim")
    back = len(reach.tokens)
    for group, name, norm in zip(groups, names, norms, strict=True):
        printer.write(f"{back:4}  {fitted(name, label)}  {norm:<9.3g} ")
        printer.write(bar(norm / largest, room, printer.unicode).rstrip(), "bar")
        printer.write("\n")
        back -= len(group)
    printer.line(summary(reach))


def summary(reach: Reach) -> str:
    """What the norms are the gradients of, and how they fall."""
    fade = "they do not fall further back" if reach.half_life is None else f"half-life {reach.half_life:.3g} tokens"
    return f"of {token_name(reach.answer)}, log p {reach.log_prob:.4g} · {fade}"
