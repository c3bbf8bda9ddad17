"""Draws a text whose words have tags: each in the colour of its tag, and a legend of the colours."""

from __future__ import annotations

from seqshell.core.events import Tags
from seqshell.core.tagged_words import category_of
from seqshell.terminal.background import Tint
from seqshell.terminal.printer import Printer


def draw_tags(printer: Printer, tags: Tags) -> None:
    """Draw the text in colours with its legend; without colours, and for a line of a file, the tags as text."""
    if not tags.words and not tags.is_of_file:
        printer.line("no words to tag", "dim")
        return
    printer.fresh_line()
    if tags.is_of_file or not printer.has_shades:
        printer.write(tags.as_line() + "\n")
        return
    numbers = {category: number for number, category in enumerate(tags.categories)}
    seen: dict[str, None] = {}
    at, before = 0, ""
    for word in tags.words:
        category = category_of(word.tag)
        between = tags.text[at : word.start]
        continues = category and category == before and word.tag.startswith("I-")
        printer.write(between, Tint(numbers[category]) if continues else "")
        printer.write(tags.text[word.start : word.end], Tint(numbers[category]) if category else "")
        if category:
            seen[category] = None
        at, before = word.end, category
    printer.write(tags.text[at:])
    printer.fresh_line()
    _draw_legend(printer, [category for category in numbers if category in seen], numbers)


def _draw_legend(printer: Printer, seen: list[str], numbers: dict[str, int]) -> None:
    for place, category in enumerate(seen):
        if printer.column + len(category) + 2 > printer.width - 1:
            printer.fresh_line()
        elif place:
            printer.write("  ")
        printer.write(category, Tint(numbers[category]))
    printer.fresh_line()
