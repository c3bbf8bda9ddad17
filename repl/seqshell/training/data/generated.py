"""Generated data under "generated:NAME": numbers with their English words, and the exercises of `synthetic`.

The data is the same every time, so that no file needs to ship.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

from seqshell.core.errors import RecipeError
from seqshell.core.text_output import quoted
from seqshell.training.data.synthetic import EXERCISES, Example, training_examples, unseen_examples

PREFIX = "generated:"  # before a name, in place of a file
LIMIT = 1_000_000  # numbers are below it
FIRST = 200  # numbers below it are all for training: too few have one or two digits to hold some out
NUM_TRAINING = 5000
NUM_UNSEEN = 500
ONES = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    *("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")


def in_words(number: int) -> str:
    """A whole number from 0 to 999,999 in British English: 4207 is four thousand two hundred and seven."""
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


def training_numbers() -> list[int]:
    """Numbers for training: all below FIRST, and others with three to six digits, equally often."""
    return [*range(FIRST), *_drawn()[: NUM_TRAINING - FIRST]]


def unseen_numbers() -> list[int]:
    """Other numbers with three to six digits, none of them among `training_numbers`."""
    return _drawn()[NUM_TRAINING - FIRST :]


def make_pairs(word: str) -> str:
    """The pairs of "generated:NAME" as text, source TAB target in each line. Raises RecipeError for an unknown name."""
    return "".join(f"{source}\t{target}\n" for source, target in _examples(word))


def make_table(word: str) -> str:
    """The same as a CSV table with the columns text and label, for classifiers."""
    return "text,label\n" + "".join(f"{text},{label}\n" for text, label in _examples(word))


def _examples(word: str) -> list[Example]:
    name = word.removeprefix(PREFIX)
    if name not in GENERATED:
        known = ", ".join(each for each in GENERATED if not each.startswith(UNSEEN))
        raise RecipeError(
            f"no generated data {quoted(word)}; write {PREFIX}NAME or {PREFIX}{UNSEEN}NAME, "
            f"where NAME is one of {known}"
        )
    return GENERATED[name]()


def _in_words(numbers: Callable[[], list[int]]) -> list[Example]:
    return [(_in_digits(number, place), in_words(number)) for place, number in enumerate(numbers())]


def _in_digits(number: int, place: int) -> str:
    """The number in digits; every second one with a comma before the hundreds."""
    return f"{number:,}" if place % 2 else str(number)


def _drawn() -> list[int]:
    """Different random numbers from FIRST on: those for training, then the unseen ones."""
    draws = random.Random(0)
    found: dict[int, None] = {}
    while len(found) < NUM_TRAINING - FIRST + NUM_UNSEEN:
        digits = draws.randint(3, 6)
        number = draws.randrange(max(FIRST, 10 ** (digits - 1)), 10**digits)
        found[number] = None
    return list(found)


UNSEEN = "unseen_"  # before a name: data that is not for training
GENERATED: Mapping[str, Callable[[], list[Example]]] = MappingProxyType(
    {"numbers": partial(_in_words, training_numbers), f"{UNSEEN}numbers": partial(_in_words, unseen_numbers)}
    | {name: partial(training_examples, name) for name in EXERCISES}
    | {UNSEEN + name: partial(unseen_examples, name) for name in EXERCISES}
)
