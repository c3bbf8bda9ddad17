"""The generated numbers: correct words, the same every time, some held out."""

from __future__ import annotations

import pytest

from seqshell.core.errors import RecipeError
from seqshell.training.data.generated import (
    LIMIT,
    NUM_TRAINING,
    NUM_UNSEEN,
    in_words,
    make_pairs,
    training_numbers,
    unseen_numbers,
)
from seqshell.training.translation.data import read_pairs


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "zero"),
        (7, "seven"),
        (13, "thirteen"),
        (20, "twenty"),
        (40, "forty"),
        (99, "ninety-nine"),
        (100, "one hundred"),
        (101, "one hundred and one"),
        (110, "one hundred and ten"),
        (342, "three hundred and forty-two"),
        (999, "nine hundred and ninety-nine"),
        (1000, "one thousand"),
        (1001, "one thousand and one"),
        (1100, "one thousand one hundred"),
        (4207, "four thousand two hundred and seven"),
        (12345, "twelve thousand three hundred and forty-five"),
        (100000, "one hundred thousand"),
        (100020, "one hundred thousand and twenty"),
        (118000, "one hundred and eighteen thousand"),
        (999999, "nine hundred and ninety-nine thousand nine hundred and ninety-nine"),
    ],
)
def test_numbers_are_written_in_british_english(number, words):
    assert in_words(number) == words


def test_different_numbers_have_different_words():
    assert len({in_words(number) for number in range(0, LIMIT, 7)}) == len(range(0, LIMIT, 7))


@pytest.mark.parametrize("number", [-1, LIMIT])
def test_numbers_out_of_range_are_refused(number):
    with pytest.raises(ValueError, match="a number must be 0 to 999,999"):
        in_words(number)


def test_unseen_numbers_are_not_among_the_training_numbers():
    training, unseen = training_numbers(), unseen_numbers()

    assert (len(set(training)), len(set(unseen))) == (NUM_TRAINING, NUM_UNSEEN) == (len(training), len(unseen))
    assert not set(training) & set(unseen)
    assert set(training) >= set(range(200))
    assert {len(str(number)) for number in unseen} == {3, 4, 5, 6}
    assert max(training + unseen) < LIMIT


def test_the_pairs_are_the_same_every_time():
    pairs, again = (read_pairs(["generated:unseen_numbers"]) for _ in range(2))

    assert pairs == again
    assert pairs.names == ("generated:unseen_numbers",)
    assert len(pairs) == NUM_UNSEEN
    assert [in_words(int(source.replace(",", ""))) for source in pairs.sources] == list(pairs.targets)
    assert make_pairs("generated:numbers").startswith("0\tzero\n1\tone\n2\ttwo\n")


def test_half_of_the_large_numbers_have_a_comma():
    large = [source for source in read_pairs(["generated:numbers"]).sources if len(source) > 3]

    assert sum("," in source for source in large) / len(large) == pytest.approx(0.5, abs=0.05)
    assert {source[-4] for source in large if "," in source} == {","}


def test_an_unknown_name_is_refused():
    known = (
        "write generated:NAME or generated:unseen_NAME, where NAME is one of "
        "numbers, remember, recall, copy, adding, reverse"
    )
    with pytest.raises(RecipeError, match=f"no generated data 'generated:dates'; {known}"):
        read_pairs(["generated:dates"])
