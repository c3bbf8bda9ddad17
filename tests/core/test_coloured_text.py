"""A text whose tokens have colours: its scale, and how it looks as text, JSON and rows."""

import math

from seqshell.core.events import ColouredText
from seqshell.core.json_values import tidy

UNIT = ColouredText(("ab", "\n", "\n", "c", ""), (-1.0, 0.0, 0.5, 2.0, 1.0), -1.0, 2.0, "shakespeare", "cell[1,147]")
SURPRISAL = ColouredText(("a", "b"), (1.0, None), 1.0, 3.0, unit="nats")


def test_a_scale_below_zero_has_its_middle_there_and_another_begins_at_its_minimum():
    assert [UNIT.share(value) for value in (-2, -1, 0, 1, 2, 5, math.inf, -math.inf)] == [-1, -0.5, 0, 0.5, 1, 1, 1, -1]
    assert [SURPRISAL.share(value) for value in (0, 1, 2, 3, 4, math.inf)] == [0, 0, 0.5, 1, 1, 1]
    assert ColouredText(("a",), (0.0,), 0.0, 0.0).share(0.0) == 0


def test_its_text_has_a_digit_below_the_beginning_of_each_token_and_a_legend():
    assert UNIT.as_text() == ("ab\n2 5\n\nc\n9\nshakespeare · cell[1,147] from -1 to 2 · digits 0 to 9: -2 to 2")
    assert SURPRISAL.as_text() == "ab\n0\nnats from 1 to 3 · digits 0 to 9: 1 to 3"


def test_a_text_whose_values_are_equal_has_no_scale_in_its_legend():
    clamped = ColouredText(("a", "b"), (5.0, 5.0), 5.0, 5.0, unit="cell[1,2]")
    assert clamped.as_text() == "ab\n00\ncell[1,2] is 5 everywhere"


def test_digits_stay_below_their_tokens_beside_wide_characters_combining_marks_and_tabs():
    event = ColouredText(("日", "a\tb", "e\u0301", "c", "d\ne", ""), (1.0, -1.0, 0.0, None, 1.0, 0.5), -1.0, 1.0)
    assert event.as_text().splitlines()[:3] == ["日a be\u0301cd", "9 0  5 9", "e"]


def test_its_json_has_the_scale_and_the_value_of_each_token_and_its_rows_the_tokens():
    infinite = ColouredText(("a", "b"), (math.inf, 0.5), 0.5, 0.5, "t", "hidden[3]")
    assert tidy(infinite.as_json()) == {
        "title": "t",
        "unit": "hidden[3]",
        "min": 0.5,
        "max": 0.5,
        "tokens": [{"text": "a", "value": None}, {"text": "b", "value": 0.5}],
    }
    halves = ColouredText(("", "é"), (0.0, 1.0), 0.0, 1.0, pieces=(b"\xc3", b"\xa9"))
    assert [token["bytes"] for token in halves.as_json()["tokens"]] == [[0xC3], [0xA9]]
    assert halves.as_rows()[1:] == [("", 0.0), ("é", 1.0)]
    assert SURPRISAL.as_rows() == [("text", "value"), ("a", 1.0), ("b", None)]
    assert ColouredText((), (), 0.0, 0.0).as_rows() == [("text", "value")]
    assert UNIT.text == "ab\n\nc"
