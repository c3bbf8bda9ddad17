"""Draws what there is to choose from: the next words with bars."""

from __future__ import annotations

from prompt_toolkit.utils import get_cwidth

from seqshell.core.events import NextWords
from seqshell.terminal.heat_map import pad
from seqshell.terminal.printer import Printer
from seqshell.terminal.tables import WIDEST_TOKEN, bar, percent, token_name

LONGEST_BAR = 40  # columns


def draw_words(printer: Printer, found: NextWords) -> None:
    """Draw one row per word: its probability, the most that it may be, and a bar; then what they leave."""
    names = [token_name(found.name(word)) for word in found.words]
    label = min(max([4, *map(get_cwidth, names)]), 2 * WIDEST_TOKEN)
    number = len(str(len(names)))
    room = max(4, min(LONGEST_BAR, printer.width - number - label - 22))
    printer.line(f"{' ' * number}  {pad('word', label)}          at most", "dim")
    for rank, (word, name) in enumerate(zip(found.words, names, strict=True), 1):
        printer.write(f"{rank:{number}}  {pad(name, label)}  {percent(word.prob)} ")
        printer.write(f" {percent(word.at_most)}", "dim")
        printer.write(f"  {bar(word.prob, room, printer.unicode).rstrip()}".rstrip(), "bar")
        printer.write("\n")
    printer.line(found.summary(), "dim")
