"""Draws what there is to choose from: the next words, and the tree of tokens."""

from __future__ import annotations

from prompt_toolkit.utils import get_cwidth

from seqshell.core.events import Beams, NextWords, TokenTree
from seqshell.core.text_output import fixed
from seqshell.terminal.heat_map import pad
from seqshell.terminal.printer import Printer
from seqshell.terminal.tables import WIDEST_TOKEN, bar, percent, token_name

LONGEST_BAR = 40  # columns
MOST_BEAMS = 100  # lines


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
    guides = [_guide(line.last, printer.unicode) for line in lines]
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


def draw_beams(printer: Printer, beams: Beams) -> None:
    """Draw one row per line of the tree: the answer marked, dead ends dimmed, the log-probability and the score.

    If there are many, the dead ends with the fewest tokens are left out.
    """
    printer.line(beams.title(), "dim")
    lines = list(beams.lines())
    dead = sorted((line for line in lines if line.beam.best is None), key=lambda line: len(line.beam.ids))
    left_out = {id(line) for line in dead[: max(0, len(lines) - MOST_BEAMS)]}
    shown = [line for line in lines if id(line) not in left_out]
    starts = [_end_of(_guide(line.last, printer.unicode), (printer.width - 20) // 2) for line in shown]
    names = [token_name(line.beam.text) for line in shown]
    widest = max((get_cwidth(start + name) for start, name in zip(starts, names, strict=True)), default=0)
    label = min(max(6, widest), max(4, printer.width - 22))
    printer.line(f"  {pad('tokens', label)}   logprob     score", "dim")
    for line, start, name in zip(shown, starts, names, strict=True):
        style = "dim" if line.beam.best is None else "bar" if line.beam.is_answer else ""
        score = "" if line.beam.score is None else fixed(line.beam.score)
        printer.write("* " if line.beam.is_answer else "- " if line.beam.best is None else "  ", style)
        printer.write(start, "dim")
        printer.write(pad(name, label - get_cwidth(start)), style)
        printer.write(f"  {fixed(line.beam.log_prob):>8}  {score:>8}".rstrip() + "\n", style)
    if left_out:
        printer.line(f"{len(left_out):,} short dead ends are not shown; /beams -o FILE writes all", "dim")


def _end_of(guide: str, width: int) -> str:
    """The part of a deep guide that leaves room for the tokens."""
    return guide if len(guide) <= width else "…" + guide[len(guide) - max(2, width) + 1 :]


def _guide(last_of_levels: tuple[bool, ...], unicode: bool) -> str:
    """The lines that lead to a line of the tree."""
    through, end, between = ("│ ", "└ ", "├ ") if unicode else ("| ", "` ", "|-")
    *above, last = last_of_levels[1:] or (None,)
    if last is None:
        return ""
    return "".join("  " if each else through for each in above) + (end if last else between)
