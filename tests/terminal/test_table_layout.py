"""Tables fit the window: columns are left out, cells are wrapped between words, long words shortened in the middle."""

import pytest

from seqshell.core.events import Table, Tables
from seqshell.terminal.wrapping import fitted, shortened, wrapped
from seqshell.testing import tiny_model
from seqshell.testing.shell import shell_for

LISTINGS = (
    "/recipes",
    "/models",
    "/plugins",
    "/samplers",
    "/strategies",
    "/architectures",
    "/info",
    "/set",
    "/set max_tokens",
    "/state",
    "/branches",
    "/help",
    "/help keys",
)
WIDE = Table(
    ("recipe", "task", "result", "file"),
    (("copy", "translate", "Copy three to ten letters of the alphabet", "/home/ann/recipes/copy.toml"),),
    optional=("file",),
)


# Words


def test_a_line_is_wrapped_at_spaces_and_keeps_its_indentation():
    assert wrapped("  one two three", 9) == ["  one two", "three"]
    assert wrapped("a word_that_is_too_wide and more", 8) == ["a", "word_that_is_too_wide", "and more"]
    assert wrapped("   ", 2) == ["   "]
    assert wrapped("\u4eca\u65e5 \u4eca\u65e5", 5) == ["\u4eca\u65e5", "\u4eca\u65e5"]


@pytest.mark.parametrize(
    ("word", "width", "short"),
    [
        ("/home/ann/src/seqshell/plugins/seqshell_seq2seq", 47, "/home/ann/src/seqshell/plugins/seqshell_seq2seq"),
        ("/home/ann/src/seqshell/plugins/seqshell_seq2seq", 40, "/home/…/plugins/seqshell_seq2seq"),
        ("/home/ann/src/seqshell/plugins/seqshell_seq2seq", 24, "/home/…/seqshell_seq2seq"),
        ("/home/ann/src/seqshell/plugins/seqshell_seq2seq", 20, "…/seqshell_seq2seq"),
        ("/home/ann/src/seqshell/plugins/seqshell_seq2seq", 9, "/hom…2seq"),
        ("86c4e6aa9db7c042ec79f339dcb96d42", 8, "86c4…d42"),
        ("\u4eca\u65e5\u4eca\u65e5\u4eca\u65e5", 8, "\u4eca…\u4eca\u65e5"),
    ],
)
def test_a_word_that_is_too_wide_is_shortened_in_the_middle(word, width, short):
    assert shortened(word, width) == short


def test_a_text_of_several_lines_keeps_them():
    assert fitted("one two\nthree", 5) == ["one", "two", "three"]


# Tables


def test_a_table_that_fits_is_not_changed(drawn):
    assert drawn(WIDE, width=100) == (
        "recipe  task       result                                     file\n"
        "copy    translate  Copy three to ten letters of the alphabet  /home/ann/recipes/copy.toml\n"
    )


def test_a_narrower_window_shows_cells_wrapped_between_words(drawn):
    assert drawn(WIDE, width=85) == (
        "recipe  task       result                                 file\n"
        "copy    translate  Copy three to ten letters of the       /home/ann/recipes/copy.toml\n"
        "                   alphabet\n"
    )


def test_paths_are_shortened_before_texts_are_wrapped(drawn):
    path = "/home/ann/src/seqshell/checkpoints/recipes/german-english.toml"
    table = Table(("result", "file"), (("Translate photo captions into English", path),))
    assert drawn(table, width=80) == (
        "result                                 file\n"
        "Translate photo captions into English  /home/…/recipes/german-english.toml\n"
    )


def test_optional_columns_are_left_out_before_a_text_becomes_narrow(drawn):
    whole = "recipe  task       result\ncopy    translate  Copy three to ten letters of the alphabet\n"
    assert drawn(WIDE, width=70) == drawn(WIDE, width=60) == whole
    assert drawn(WIDE, width=48) == (
        "recipe  task       result\ncopy    translate  Copy three to ten letters of\n                   the alphabet\n"
    )


def test_the_narrowest_window_shows_long_cells_below_their_row(drawn):
    assert drawn(WIDE, width=30) == (
        "recipe  task\n    result\ncopy    translate\n    Copy three to ten letters\n    of the alphabet\n"
    )
    two = Table(("name", "range", "does"), (("a", "x, y or z, in this order", "the order of the letters"),))
    assert drawn(two, width=30).splitlines()[:3] == ["name", "    range, does", "a"]
    assert drawn(two, width=30).splitlines()[3:] == [
        "    range: x, y or z, in this",
        "    order",
        "    does: the order of the",
        "    letters",
    ]


def test_numbers_stay_to_the_right_beside_wrapped_cells(drawn):
    table = Table(("what", "number"), (("one thing that takes very many words to say", 7), ("b", 1234)))
    assert drawn(table, width=30) == (
        "what                    number\n"
        "one thing that takes         7\n"
        "very many words to say\n"
        "b                        1,234\n"
    )


def test_several_tables_are_divided_by_an_empty_line(drawn):
    tables = Tables((Table(("", ""), (("a", "1"),)), Table(("", ""), (("b", "2"),))))
    assert drawn(tables) == "a  1\n\nb  2\n"
    assert tables.as_text() == "a  1\n\nb  2"


@pytest.fixture(scope="module")
def listing_shell():
    return shell_for(tiny_model())


@pytest.mark.parametrize("width", [60, 80, 100])
@pytest.mark.parametrize("line", LISTINGS)
def test_listings_fit_the_window_and_break_no_word(listing_shell, new_runner, visible, width, line):
    unlimited, narrow = new_runner(listing_shell, width=100_000), new_runner(listing_shell, width=width)
    assert unlimited.run(line).done
    assert narrow.run(line).done
    words = set(visible(unlimited._printer).split())
    lines = visible(narrow._printer).splitlines()

    assert max(map(len, lines), default=0) <= width
    assert {word.rstrip(":,") for text in lines for word in text.split() if "…" not in word} <= {
        word.rstrip(":,") for word in words
    }


@pytest.mark.parametrize("width", [60, 80, 100])
def test_help_of_each_command_fits_the_window(listing_shell, new_runner, visible, width):
    runner = new_runner(listing_shell, width=width)
    for name in listing_shell.registry.commands:
        assert runner.run(f"/help {name}").done
    too_wide = [line for line in visible(runner._printer).splitlines() if len(line) > width]
    assert too_wide == []
