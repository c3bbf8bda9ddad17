"""Draws what there is to choose from: the next words, and the tree of tokens."""

from __future__ import annotations

from prompt_toolkit.utils import get_cwidth

from seqshell.core.events import NextWords, TokenTree, TreeLine
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


def draw_tree(printer: Printer, tree: TokenTree) -> None:
    """Draw one row per line of the tree: guides and tokens, their probability, that of the path, and its bar."""
    printer.line(tree.title(), "dim")
    lines = list(tree.lines())
    guides = [_guide(line, printer.unicode) for line in lines]
    names = [token_name(line.text) for line in lines]
    widest = max((get_cwidth(guide + name) for guide, name in zip(guides, names, strict=True)), default=0)
    label = min(max(6, widest), max(20, printer.width - 30))
    room = max(4, min(LONGEST_BAR, printer.width - label - 20))
    printer.line(f"{pad('tokens', label)}            path", "dim")
    for line, guide, name in zip(lines, guides, names, strict=True):
        printer.write(guide, "dim")
        printer.write(pad(name, label - get_cwidth(guide)))
        printer.write(f"  {percent(line.prob)} ")
        printer.write(f" {percent(line.path_prob)}  ", "dim")
        printer.write(bar(line.path_prob, room, printer.unicode).rstrip(), "bar")
        printer.write("\n")


def _guide(line: TreeLine, unicode: bool) -> str:
    """The lines that lead to a line of the tree."""
    through, end, between = ("│ ", "└ ", "├ ") if unicode else ("| ", "` ", "|-")
    *above, last = line.last[1:] or (None,)
    if last is None:
        return ""
    return "".join("  " if each else through for each in above) + (end if last else between)
