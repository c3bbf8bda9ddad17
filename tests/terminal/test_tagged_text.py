"""Tags in the terminal: a colour for each, with a legend; without colours, as text."""

from __future__ import annotations

import io
import itertools

import pytest

from seqshell.core.colours import (
    CATEGORIES,
    CATEGORIES_OF_256,
    NUM_CATEGORIES,
    PAGES,
    contrast,
    of_256,
    oklab,
)
from seqshell.core.events import TaggedWord, Tags
from seqshell.terminal.background import Tint
from seqshell.terminal.printer import TRUE_COLOUR, Printer
from seqshell.terminal.renderer import Renderer

KNOWN = ("B-LOC", "B-PER", "I-LOC", "I-PER", "O")
TEXT = "Ada King left  New York ."
SPANS = [(0, 3, "B-PER"), (4, 8, "I-PER"), (9, 13, "O"), (15, 18, "B-LOC"), (19, 23, "I-LOC"), (24, 25, "O")]
EVENT = Tags(TEXT, tuple(TaggedWord(TEXT[start:end], tag, 0.9, start, end) for start, end, tag in SPANS), KNOWN)


def drawn(event, colours=256, width=80):
    screen = io.StringIO()
    Renderer(Printer(screen, colours=colours, width=lambda: width)).draw(event)
    return screen.getvalue()


def test_the_words_have_the_colour_of_their_type_and_the_legend_names_it():
    loc, per = (f"\x1b[38;5;{number}m" for number in CATEGORIES_OF_256[""][:2])

    assert drawn(EVENT) == (
        f"{per}Ada\x1b[0m{per} \x1b[0m{per}King\x1b[0m left  {loc}New\x1b[0m{loc} \x1b[0m{loc}York\x1b[0m .\n"
        f"{loc}LOC\x1b[0m  {per}PER\x1b[0m\n"
    )


@pytest.mark.parametrize("colours", [-1, 0, 16])
def test_without_shades_each_word_is_followed_by_its_tag(colours):
    assert drawn(EVENT, colours) == "Ada/B-PER King/I-PER left/O New/B-LOC York/I-LOC ./O\n"


def test_a_line_of_a_file_is_text():
    assert drawn(Tags("a", (TaggedWord("a", "O", 1.0, 0, 1),), KNOWN, item=1)) == "a/O\n"
    assert drawn(Tags("", (), KNOWN, item=1)) == "\n"
    assert "no words to tag" in drawn(Tags(" ", (), KNOWN))


def test_a_long_legend_is_wrapped():
    tags = tuple(f"TAG{number:02}" for number in range(12))
    text = "x " * 12
    words = tuple(TaggedWord("x", tag, 1.0, 2 * place, 2 * place + 1) for place, tag in enumerate(tags))
    lines = drawn(Tags(text, words, tags), width=30).splitlines()

    assert len(lines) == 4
    assert [line.count("TAG") for line in lines] == [0, 4, 4, 4]


def test_nothing_in_a_tag_or_a_text_controls_the_terminal():
    event = Tags("\x1b[2J", (TaggedWord("\x1b[2J", "\x1b[2J", 1.0, 0, 4),), ("\x1b[2J", "b"))

    assert "\x1b[2J" not in drawn(event) + drawn(event, -1)


def test_more_categories_repeat_the_colours_in_bold_and_underlined():
    printer = Printer(io.StringIO(), colours=256)
    first = CATEGORIES_OF_256[""][1]

    assert [printer.sequence(Tint(1 + NUM_CATEGORIES * again)) for again in range(5)] == [
        f"{before}38;5;{first}" for before in ("", "1;", "4;", "1;4;", "1;4;")
    ]
    assert Printer(io.StringIO(), colours=TRUE_COLOUR, background="dark").sequence(Tint(0)) == "38;2;104;162;255"
    assert Printer(io.StringIO(), colours=16).sequence(Tint(0)) == ""


@pytest.mark.parametrize("background", ["", "dark", "light"])
def test_the_colours_of_categories_are_readable_and_differ(background):
    colours, narrow = CATEGORIES[background], [of_256(number) for number in CATEGORIES_OF_256[background]]

    assert len(colours) == len(narrow) == NUM_CATEGORIES
    for some, least in ((colours, 4.5), (narrow, 3.9 if not background else 4.5)):
        assert min(contrast(colour, page) for colour in some for page in PAGES[background]) >= least
        pairs = itertools.combinations(map(oklab, some), 2)
        assert min(sum((a - b) ** 2 for a, b in zip(*pair, strict=True)) ** 0.5 for pair in pairs) > 0.05
