"""The greeting: at most three lines, for a model of each task, at any width."""

import pytest

from seqshell.models.summary import title
from seqshell.terminal.greeting import greeting

HEADER = {
    "architecture": "lstm",
    "config": {"num_layers": 2, "hidden_size": 512},
    "tokenizer": {"name": "char"},
    "parameters": 3_423_000,
    "provenance": {"metrics": {"nats": {"carry": 1.47, "blocks256": 1.481}}},
    "about": "It continues what you write.",
    "examples": ["ROMEO:"],
}


def lines(name, header, width=80):
    return [line for line, _ in greeting("0.1.0", name, header, width)]


def test_the_greeting_shows_the_model_what_it_does_and_what_to_try():
    assert lines("shakespeare", HEADER) == [
        "seqshell 0.1 · shakespeare: character LSTM 2x512, 3.4M parameters",
        "It continues what you write. Try  ROMEO:  then /regen 3, /top, /undo",
        "Enter: continue · Ctrl-C: stop · /set surprisal on: colours · /tour · /help",
    ]


@pytest.mark.parametrize(
    ("header", "hints"),
    [
        (
            {"task": "translate", "about": "It translates English into French.", "examples": ["i love you."]},
            [
                "It translates English into French. Try  i love you.  then /attention, /top",
                "Each line is translated · Ctrl-C: stop · /translate @FILE: a whole file · /help",
            ],
        ),
        (
            {"task": "classify", "examples": ["Yamamoto"]},
            [
                "Try  Yamamoto  then /classify --explain, /undo",
                "Each line is classified · /classify --explain TEXT · /classify @FILE · /help",
            ],
        ),
        (
            {"task": "forecast", "examples": ["10 10.5"]},
            [
                "Try  10 10.5  then /forecast, /undo",
                "Numbers extend the series · /forecast --example · /forecast 24 -o a.txt · /help",
            ],
        ),
    ],
    ids=["translate", "classify", "forecast"],
)
def test_each_task_has_its_own_hints(header, hints):
    assert lines("mine", header) == ["seqshell 0.1 · mine", *hints]
    assert all(len(line) < 40 for line in lines("mine", header, 40))


@pytest.mark.parametrize("width", [20, 40, 60, 76, 77])
def test_no_line_of_the_greeting_is_wider_than_the_window(width):
    assert all(len(line) < width for line in lines("shakespeare", HEADER, width))


@pytest.mark.parametrize(
    ("width", "hints"),
    [
        (100, "Enter: continue · Ctrl-C: stop · /set surprisal on: colours · /tour: two minutes · /help"),
        (76, "Enter: continue · Ctrl-C: stop · /set surprisal on: colours · /tour · /help"),
        (60, "Enter: continue · Ctrl-C: stop · /tour · /help"),
    ],
)
def test_a_narrow_window_shows_fewer_hints(width, hints):
    assert lines("shakespeare", HEADER, width)[2] == hints


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (69, "It continues what you write. Try  ROMEO:  then /regen 3, /top, /undo"),
        (60, "It continues what you write. Try  ROMEO:"),
        (40, "It continues what you write."),
        (28, "It continues what you ..."),
        (6, "It co"),
    ],
)
def test_a_narrow_window_keeps_the_example_before_what_to_try_next(width, line):
    assert lines("shakespeare", HEADER, width)[1] == line


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (60, "seqshell 0.1 · shakespeare: character LSTM 2x512"),
        (30, "seqshell 0.1 · shakespeare"),
        (20, "shakespeare"),
    ],
)
def test_a_narrow_window_shows_less_of_the_model(width, line):
    assert lines("shakespeare", HEADER, width)[0] == line


def test_the_greeting_shows_a_beginning_of_the_summary_that_load_and_info_show():
    """All three come from the same header by the same function."""
    whole = title("shakespeare", HEADER)
    assert whole == "shakespeare: character LSTM 2x512, 3.4M parameters, 1.48 nats"
    assert title("shakespeare", HEADER, unit="bits").endswith(", 2.14 bits")
    assert whole.startswith(lines("shakespeare", HEADER)[0].partition(" · ")[2])


def test_a_model_without_a_description_has_a_greeting():
    assert lines("mine", {})[0] == "seqshell 0.1 · mine"


def test_the_title_of_a_classifier_shows_cell_and_accuracy():
    header = {
        "architecture": "bidirectional_classifier",
        "config": {"cell": "gru", "num_layers": 1, "hidden_size": 128},
        "tokenizer": {"name": "char"},
        "parameters": 200_000,
        "provenance": {"metrics": {"accuracy": 0.8613, "macro_recall": 0.58}},
    }
    parts = "character bidirectional GRU classifier 1x128, 200.0k parameters, accuracy 86.1%"
    assert title("names", header) == f"names: {parts}"
