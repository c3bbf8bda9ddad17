"""Memory exercises, random but always the same: remember a digit, copy or reverse letters, add two marked digits."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from types import MappingProxyType

DIGITS = "12345"  # one of them is to be remembered
# The number of letters after the digit varies: for a fixed number, a state that rotates could solve the exercise
# without memory.
LEAST_STEPS, MAX_STEPS = 100, 120
FEW_STEPS = 65, 75  # of the same exercise for a lesson
FILLERS = "abcdefghij"
MARK = "*"  # after each of the two digits to add
NUM_TRAINING, NUM_UNSEEN = 4000, 400
SHORTEST, LONGEST = 3, 10  # letters to copy or reverse
MIN_DIGITS, MAX_DIGITS = 4, 16  # digits, two of which are to be added

Example = tuple[str, str]  # input and answer


def remember(draws: random.Random) -> Example:
    """A digit followed by 100 to 120 letters; the answer is the digit."""
    return _digit_and_letters(draws, LEAST_STEPS, MAX_STEPS)


def recall(draws: random.Random) -> Example:
    """A digit followed by 65 to 75 letters; the answer is the digit."""
    return _digit_and_letters(draws, *FEW_STEPS)


def _digit_and_letters(draws: random.Random, least: int, most: int) -> Example:
    digit = draws.choice(DIGITS)
    return digit + "".join(draws.choices(FILLERS, k=draws.randint(least, most))), digit


def copy(draws: random.Random) -> Example:
    """A few letters; the answer is the same letters."""
    letters = "".join(draws.choices(FILLERS, k=draws.randint(SHORTEST, LONGEST)))
    return letters, letters


def reverse(draws: random.Random) -> Example:
    """A few letters; the answer is the letters in reverse."""
    letters, _ = copy(draws)
    return letters, letters[::-1]


def adding(draws: random.Random) -> Example:
    """Digits, two of them marked; the answer is the sum of the two.

    The adding problem of Hochreiter & Schmidhuber 1997, section 5.4, with digits in place of real numbers.
    """
    digits = [draws.randrange(10) for _ in range(draws.randint(MIN_DIGITS, MAX_DIGITS))]
    marked = draws.sample(range(len(digits)), 2)
    text = "".join(f"{digit}{MARK if place in marked else ''}" for place, digit in enumerate(digits))
    return text, str(sum(digits[place] for place in marked))


EXERCISES: Mapping[str, Callable[[random.Random], Example]] = MappingProxyType(
    {"remember": remember, "recall": recall, "copy": copy, "adding": adding, "reverse": reverse}
)


def training_examples(name: str) -> list[Example]:
    """The training examples of an exercise."""
    return _drawn(name)[:NUM_TRAINING]


def unseen_examples(name: str) -> list[Example]:
    """Other examples, none of them among `training_examples`."""
    return _drawn(name)[NUM_TRAINING:]


def _drawn(name: str) -> list[Example]:
    """Different random examples: those for training, then the unseen ones."""
    draws, found = random.Random(name), dict[Example, None]()
    while len(found) < NUM_TRAINING + NUM_UNSEEN:
        found[EXERCISES[name](draws)] = None
    return list(found)
