"""Values and counts as plain text."""

import pytest

from seqshell.core.text_output import cell, counted, exact


@pytest.mark.parametrize(
    ("value", "read", "written"),
    [
        (True, "on", "on"),
        (False, "off", "off"),
        (1 / 3, "0.333333", "0.3333333333333333"),
        (10.0, "10", "10"),
        (1e22, "1e+22", "1e+22"),
        (7, "7", "7"),
        ("two words", "two words", "two words"),
        (None, "", ""),
        (("a", 0.5), "a 0.5", "a 0.5"),
    ],
)
def test_a_value_is_shown_rounded_and_written_exactly(value, read, written):
    assert cell(value) == read
    assert exact(value) == written


def test_a_count_is_shown_with_its_noun():
    assert [counted(number) for number in (0, 1, 2, 1000)] == ["0 tokens", "1 token", "2 tokens", "1,000 tokens"]
    assert counted(1, "row") == "1 row"
