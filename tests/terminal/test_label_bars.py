"""Labels on the screen: bars, explanations in colour or with marks, and lines of files."""

import pytest

from seqshell.core.events import Label
from seqshell.terminal.renderer import Renderer
from seqshell.testing import tiny_classification_model
from seqshell.testing.shell import shell_for

PROBS = (("Japanese", 0.9), ("Italian", 0.06), ("Polish", 0.02), ("Czech", 0.012), ("Irish", 0.005), ("Dutch", 0.003))
MOVED = (("Y", 2.0), ("a", 0.05), ("m", -1.0), ("a", 0.5), ("moto", -2.0))


# Bars


def test_likely_labels_have_bars_and_the_others_a_sum(drawn):
    assert drawn(Label("Yamamoto", "Japanese", PROBS), width=40) == (
        "Japanese   90.0%  ██████████████████▉\n"
        "Italian    6.00%  █▎\n"
        "Polish     2.00%  ▍\n"
        "Czech      1.20%  ▎\n"
        "2 others   0.80%\n"
    )


def test_a_dumb_terminal_shows_bars_in_ascii(drawn):
    assert drawn(Label("x", "pos", (("pos", 0.75), ("neg", 0.25))), width=30, colours=-1) == (
        "pos   75.0%  ############\nneg   25.0%  ####\n"
    )


def test_two_labels_are_shown_however_unlikely_the_second_is(drawn):
    assert drawn(Label("x", "pos", (("pos", 0.9999), ("neg", 0.0001))), width=30).splitlines()[1] == "neg   0.01%"


def test_a_blank_text_has_no_label(drawn):
    assert drawn(Label(" ", "", ())) == "no text to classify\n"


def test_a_line_of_a_file_takes_one_line(drawn):
    event = Label("Yamamoto\tand a name that is far too long for the window", "Japanese", PROBS, item=3)
    assert drawn(event, width=40) == "Japanese   90.0%  Yamamoto and a name…\n"
    assert drawn(Label("", "", (), item=4)) == "\n"


def test_the_first_labels_are_followed_by_a_hint(new_runner, visible):
    runner = new_runner(shell_for(tiny_classification_model()))
    for _ in range(4):
        assert runner.run("abc").done
    runner.run("/classify --explain abc")
    assert visible(runner._printer).count("/classify --explain TEXT shows why, /undo goes back") == 3


# Explanations


def test_without_colour_an_explanation_has_marks_under_the_text(drawn):
    assert drawn(Label("Yamamoto", "Japanese", PROBS[:1], MOVED), width=60).splitlines()[:3] == [
        "Yamamoto",
        "9 e3i",
        "1 to 9: towards Japanese, a to i: against Japanese",
    ]


def test_the_strongest_token_is_named_in_words(drawn):
    two = (("negative", 0.9), ("positive", 0.1))
    assert drawn(Label("x", "negative", two, ((" awful", 2.0), (" yet", -1.0)))).splitlines()[2:4] == [
        "1 to 9: towards negative, a to i: towards positive",
        "awful pushes most, towards negative",
    ]
    assert "yet pushes most, towards positive\n" in drawn(Label("x", "negative", two, ((" yet", -1.0),)))
    assert "yet pushes most, against Japanese\n" in drawn(Label("x", "Japanese", PROBS, (("yet", -1.0),)))


def test_an_explanation_has_colours(new_printer):
    printer = new_printer(colours=256)
    Renderer(printer).draw(Label("Yamamoto", "Japanese", PROBS[:1], MOVED))
    first = printer.stream.getvalue().split("\n")[0]
    assert first == "\x1b[38;5;63mY\x1b[0ma\x1b[38;5;131mm\x1b[0m\x1b[38;5;98ma\x1b[0m\x1b[38;5;130mmoto\x1b[0m"
    assert "against" in printer.stream.getvalue()


@pytest.mark.parametrize("width", [20, 33, 80])
def test_a_long_explanation_is_wrapped_with_its_marks(drawn, width):
    words = [(f" word{number}", (-1) ** number * (number + 1.0)) for number in range(30)]
    lines = drawn(Label("x", "a", (("a", 0.5), ("b", 0.5)), tuple(words)), width=width).splitlines()
    text = "".join(line for line in lines if "word" in line and "most" not in line)

    assert text.replace(" ", "") == "".join(word for word, _ in words).replace(" ", "")
    assert max(len(line) for line in lines) <= width


@pytest.mark.parametrize("colours", [0, 256])
def test_an_explanation_is_wrapped_between_words(drawn, colours):
    words = ["a", "dull", "film", "but", "the", "music", "is", "wonderful"]
    moved = tuple((f" {word}" if number else word, 1.0) for number, word in enumerate(words))
    lines = drawn(Label("x", "a", (("a", 0.5), ("b", 0.5)), moved), width=21, colours=colours).splitlines()
    assert [line for line in lines if any(word in line for word in ("dull", "but", "wonderful"))] == [
        "a dull film but the",
        "music is wonderful",
    ]


@pytest.mark.parametrize(
    ("left_out", "text", "note"),
    [
        ((95, 5), "Yamamoto ...", "the text is too long: the last 95 of 100 tokens were skipped"),
        ((95, 0), " ... Yamamoto", "the text is too long: the first 95 of 100 tokens were skipped"),
        ((95, 2), "Ya ... mamoto", "the text is too long: after the first 2, 95 of 100 tokens were skipped"),
    ],
)
@pytest.mark.parametrize("colours", [0, 256])
def test_a_note_reports_tokens_that_were_skipped(drawn, left_out, text, note, colours):
    label = Label("Yamamoto", "Japanese", PROBS, MOVED, end=5, left_out=left_out)
    lines = drawn(label, colours=colours).splitlines()
    assert (lines[0], lines[-1]) == (text, note)


def test_marks_stay_aligned_under_wide_characters(drawn):
    label = Label("x", "a", (("a", 0.5), ("b", 0.5)), (("\u4eca", 1.0), ("\u65e5", -1.0), ("a", 1.0)))
    assert drawn(label).splitlines()[:2] == ["\u4eca\u65e5a", "9 i 9"]


@pytest.mark.parametrize(
    "label",
    [
        Label("\x1b[2J", "\x1b[2J", (("\x1b[2J", 1.0), ("b", 0.0)), (("\x1b[2J", 1.0),)),
        Label("\x1b[2J", "a", (("a", 1.0),), item=1),
    ],
    ids=["message", "line of a file"],
)
def test_control_sequences_in_labels_and_texts_are_escaped(new_printer, label):
    printer = new_printer()
    Renderer(printer).draw(label)
    assert "\x1b[2J" not in printer.stream.getvalue()
