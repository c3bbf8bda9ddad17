"""Data that is made and not read: numbers in digits and in English words, and the exercises of `synthetic`. The same at every time, so that no
file need ship."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

from seqshell.core.errors import RecipeError
from seqshell.training.data.synthetic import EXERCISES, Example, learnt_examples, unseen_examples

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


def make_pairs(word: str) -> str:
    """The pairs of "generated:NAME" as text, source TAB target in each line. RecipeError for a name that is not known."""
    return "".join(f"{source}\t{target}\n" for source, target in _made(word))


def make_table(word: str) -> str:
    """The same as a table for classifiers, with the columns text and label."""
    return "text,label\n" + "".join(f"{text},{label}\n" for text, label in _made(word))


def _made(word: str) -> list[Example]:
    name = word.removeprefix(PREFIX)
    if name not in MADE:
        known = ", ".join(each for each in MADE if not each.startswith(UNSEEN))
        raise RecipeError(
            f"nothing is made under the name {word!r}; {PREFIX}NAME and {PREFIX}{UNSEEN}NAME are, with the names {known}"
        )
    return MADE[name]()


def _in_words(numbers: Callable[[], list[int]]) -> list[Example]:
    return [(_in_digits(number, place), in_words(number)) for place, number in enumerate(numbers())]


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


UNSEEN = "unseen_"  # before a name: what is not learnt from
MADE: Mapping[str, Callable[[], list[Example]]] = MappingProxyType(
    {"numbers": partial(_in_words, learnt_numbers), f"{UNSEEN}numbers": partial(_in_words, unseen_numbers)}
    | {name: partial(learnt_examples, name) for name in EXERCISES}
    | {UNSEEN + name: partial(unseen_examples, name) for name in EXERCISES}
)
