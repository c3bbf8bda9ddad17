"""Matches of regular expressions, which the user may write badly."""

import time

import pytest

from seqshell.core.errors import UsageError
from seqshell.inspect.patterns import matches


def test_matches_are_ranges_of_characters_without_empty_ones():
    assert matches(r"b*", "abba\u2014b\U0001f600b") == [(1, 3), (5, 6), (7, 8)]


def test_the_first_group_of_a_pattern_is_what_matches():
    assert matches('("[^"]*)"', '"a" b "cd"') == [(0, 2), (6, 9)]
    assert matches("(a)|b|c(d)", "abcda") == [(0, 1), (4, 5)]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("a(", "'a(' is not a regular expression: missing ), unterminated subpattern at position 1"),
        (r"\d", r"'\\d' matches nothing in these 3 characters"),
        ("^", "'^' matches only empty places in these 3 characters"),
        ("(" * 5000 + ")" * 5000, "is not a regular expression"),
    ],
)
def test_a_pattern_that_is_none_or_matches_nothing_is_refused(pattern, message):
    with pytest.raises(UsageError) as failed:
        matches(pattern, "abc")
    assert message in failed.value.message


def test_a_pattern_that_would_take_for_ever_is_stopped():
    begun = time.monotonic()
    with pytest.raises(UsageError, match=r"takes more than 0.3 s for 41 characters; a repetition inside a repetition"):
        matches("(a+)+$", "a" * 40 + "b", seconds=0.3)
    assert time.monotonic() - begun < 30


def test_a_quotation_mark_that_the_text_does_not_have_is_named():
    with pytest.raises(UsageError) as failed:
        matches('"[^"]*"', "'abc'")
    assert failed.value.hint == "they have no \"; some texts mark quotations by '"
