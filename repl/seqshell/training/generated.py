"""Sentence pairs that are made and not read: numbers in digits and in English words. The same at every time, so that no file need ship."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from types import MappingProxyType

from seqshell.errors import RecipeError

PREFIX = "generated:"  # before the name, where a file could stand
LIMIT = 1_000_000  # the numbers are below it
FIRST = 200  # the numbers below it are all learnt: there are too few of one and two digits to leave some out
NUM_LEARNT = 5000
NUM_UNSEEN = 500
ONES = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    *("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")


def in_words(number: int) -> str:
    """A whole number from 0 to 999,999 in words, as the British write it: 4207 is four thousand two hundred and seven."""
    if not 0 <= number < LIMIT:
        raise ValueError(f"a number must be 0 to {LIMIT - 1:,}, not {number}")
    if number < 20:
        return ONES[number]
    if number < 100:
        tens, ones = divmod(number, 10)
        return TENS[tens - 2] + (f"-{ONES[ones]}" if ones else "")
    if number < 1000:
        hundreds, rest = divmod(number, 100)
        return f"{ONES[hundreds]} hundred" + (f" and {in_words(rest)}" if rest else "")
    thousands, rest = divmod(number, 1000)
    joint = " and " if rest < 100 else " "
    return f"{in_words(thousands)} thousand" + (f"{joint}{in_words(rest)}" if rest else "")


def learnt_numbers() -> list[int]:
    """Those to learn from: all small ones, and others of three to six digits, as many of each."""
    return [*range(FIRST), *_drawn()[: NUM_LEARNT - FIRST]]


def unseen_numbers() -> list[int]:
    """Others of three to six digits, none of which is among `learnt_numbers`."""
    return _drawn()[NUM_LEARNT - FIRST :]


MADE: Mapping[str, Callable[[], list[int]]] = MappingProxyType({"numbers": learnt_numbers, "unseen_numbers": unseen_numbers})


def make_pairs(word: str) -> str:
    """The pairs of "generated:NAME" as text, source TAB target in each line. RecipeError for a name that is not known."""
    name = word.removeprefix(PREFIX)
    if name not in MADE:
        raise RecipeError(f"no pairs are made under the name {word!r}; there are {' and '.join(PREFIX + known for known in MADE)}")
    return "".join(f"{_in_digits(number, place)}\t{in_words(number)}\n" for place, number in enumerate(MADE[name]()))


def _in_digits(number: int, place: int) -> str:
    """Every second one with a comma before the hundreds, as some write them."""
    return f"{number:,}" if place % 2 else str(number)


def _drawn() -> list[int]:
    """Different numbers from FIRST on, in no order: those to learn from, then the unseen."""
    draws = random.Random(0)
    found: dict[int, None] = {}
    while len(found) < NUM_LEARNT - FIRST + NUM_UNSEEN:
        digits = draws.randint(3, 6)
        number = draws.randrange(max(FIRST, 10 ** (digits - 1)), 10**digits)
        found[number] = None
    return list(found)
