"""Exercises for memory, made by chance and always the same: remember a digit, copy or reverse letters, add two marked digits."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from types import MappingProxyType

DIGITS = "12345"  # of which one is to be remembered
LEAST_STEPS, MOST_STEPS = (
    100,
    120,
)  # over so many letters; were it always the same number, turning the state a hundred times would do
FILLERS = "abcdefghij"
MARK = "*"  # after each of the two digits that are to be added
NUM_LEARNT, NUM_UNSEEN = 4000, 400
SHORTEST, LONGEST = 3, 10  # letters to copy or reverse
FEWEST, MOST = 4, 16  # digits of which two are to be added

Example = tuple[str, str]  # what is read, and the right answer


def remember(draws: random.Random) -> Example:
    """A digit and a hundred letters or some more; the answer is the digit."""
    digit = draws.choice(DIGITS)
    return digit + "".join(draws.choices(FILLERS, k=draws.randint(LEAST_STEPS, MOST_STEPS))), digit


def copy(draws: random.Random) -> Example:
    """A few letters; the answer is the same."""
    letters = "".join(draws.choices(FILLERS, k=draws.randint(SHORTEST, LONGEST)))
    return letters, letters


def reverse(draws: random.Random) -> Example:
    """A few letters; the answer is the same from the end."""
    letters, _ = copy(draws)
    return letters, letters[::-1]


def adding(draws: random.Random) -> Example:
    """Digits, two of them marked; the answer is the sum of these two.

    The adding problem of Hochreiter & Schmidhuber 1997, section 5.4, with digits in place of real numbers.
    """
    digits = [draws.randrange(10) for _ in range(draws.randint(FEWEST, MOST))]
    marked = draws.sample(range(len(digits)), 2)
    text = "".join(f"{digit}{MARK if place in marked else ''}" for place, digit in enumerate(digits))
    return text, str(sum(digits[place] for place in marked))


EXERCISES: Mapping[str, Callable[[random.Random], Example]] = MappingProxyType(
    {"remember": remember, "copy": copy, "adding": adding, "reverse": reverse}
)


def learnt_examples(name: str) -> list[Example]:
    """Those of an exercise to learn from."""
    return _drawn(name)[:NUM_LEARNT]


def unseen_examples(name: str) -> list[Example]:
    """Others, none of which is among `learnt_examples`."""
    return _drawn(name)[NUM_LEARNT:]


def _drawn(name: str) -> list[Example]:
    """Different ones, in no order: those to learn from, then the unseen."""
    draws, found = random.Random(name), dict[Example, None]()
    while len(found) < NUM_LEARNT + NUM_UNSEEN:
        found[EXERCISES[name](draws)] = None
    return list(found)
