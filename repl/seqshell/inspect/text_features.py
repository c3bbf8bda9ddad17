"""Features of the characters of a text that a unit may follow: the position in the line, and the depth of brackets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import UsageError
from seqshell.inspect.token_spans import TokenSpans

OPENING = {"(": ")", "[": "]", "{": "}", "\u201c": "\u201d", "\u00ab": "\u00bb"}
CLOSING = frozenset(OPENING.values())
QUOTE = '"'  # opens and closes; an apostrophe is no quotation mark


@dataclass(frozen=True)
class Feature:
    """A feature of a token by its last character: about is what is compared, of describes the tokens inside."""

    about: str
    of: Callable[[str], tuple[NDArray[np.int64], int, str]]


def labels(feature: str, spans: TokenSpans) -> tuple[NDArray[np.bool_], str]:
    """Which tokens [T] have a feature, and what it means here: `position in the line of at least 22`.

    UsageError if all tokens have it, or none.
    """
    values, least, meaning = FEATURES[feature].of(spans.text)
    last = np.maximum(spans.ends - 1, 0)
    has_text = spans.ends > spans.starts
    inside = np.where(has_text, values[np.minimum(last, len(values) - 1)] >= least, False) if len(values) else has_text
    if not inside.any():
        raise UsageError(f"no token of the text has a {meaning}", code="feature")
    if inside.all():
        raise UsageError(f"every token of the text has a {meaning}", code="feature")
    return inside, meaning


def columns_of(text: str) -> NDArray[np.int64]:
    """The position of each character in its line, from 0; a newline ends its line."""
    places = np.arange(len(text))
    begins = np.array([not number or text[number - 1] == "\n" for number in range(len(text))], bool)
    found: NDArray[np.int64] = places - np.maximum.accumulate(np.where(begins, places, 0))
    return found


def depths_of(text: str) -> NDArray[np.int64]:
    """How many brackets and quotation marks are open after each character.

    A closing one ends those inside it. What is not closed by an empty line ends there.
    """
    found = np.zeros(len(text), np.int64)
    open_until: list[str] = []
    for place, character in enumerate(text):
        if character in CLOSING or character == QUOTE:
            if character in open_until:
                del open_until[len(open_until) - 1 - open_until[::-1].index(character) :]
            elif character == QUOTE:
                open_until.append(QUOTE)
        elif character in OPENING:
            open_until.append(OPENING[character])
        elif character == "\n" and text[place - 1 : place] == "\n":
            open_until.clear()
        found[place] = len(open_until)
    return found


def _position(text: str) -> tuple[NDArray[np.int64], int, str]:
    columns = columns_of(text)
    middle = max(1, int(np.median(columns))) if len(columns) else 1
    return columns, middle, f"position in the line of at least {middle}"


def _line_start(text: str) -> tuple[NDArray[np.int64], int, str]:
    return (columns_of(text) == 0).astype(np.int64), 1, "place at the start of a line"


def _depth(text: str) -> tuple[NDArray[np.int64], int, str]:
    return depths_of(text), 1, "place inside brackets or quotation marks"


FEATURES: Mapping[str, Feature] = MappingProxyType(
    {
        "position": Feature("the second half of the positions in a line", _position),
        "line-start": Feature("the first character of a line", _line_start),
        "depth": Feature("inside brackets or quotation marks", _depth),
    }
)
