"""Bias: make chosen tokens more likely, less likely or impossible."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from seqshell import SampleContext, Tokenizer, UsageError, VocabularyError, setting

# One TOKEN:AMOUNT and the space after it. TOKEN may contain spaces and colons.
_ENTRY = re.compile(r"(?P<token>.+?):(?P<amount>[+-]?(?:inf|\d+\.?\d*|\.\d+))(?: |$)", re.DOTALL)


@dataclass(frozen=True)
class Bias:
    """Add an amount to the logits of chosen tokens.

    `e:+2 z:-inf` multiplies the odds of "e" by e^2 = 7.4 and excludes "z".

    tokens: entries TOKEN:AMOUNT with one space between them. TOKEN is the text of one token, or #ID; AMOUNT is -100 to
    100, or -inf. In a chain, put a value with spaces in quotes: `/sampler +bias="e:+2 z:-inf"`. A space is a token like
    any other: `bias=" :-1"`. Amounts for the same token add up.
    """

    name: ClassVar[str] = "bias"
    stage: ClassVar[str] = "penalty"
    tokens: str = setting(
        "", neutral="", help="TOKEN:AMOUNT ..., e.g. e:+2 z:-inf #12:-1; added to the logits, -inf excludes the token"
    )

    def __post_init__(self) -> None:
        self._entries  # noqa: B018  # parse now, to report errors when the chain is set

    def __call__(self, logits: NDArray[np.float64], context: SampleContext) -> NDArray[np.float64]:
        """logits: [V]. Returns [V], unchanged if no token would remain.

        Raises UsageError if a token is not in the vocabulary.
        """
        if not self._entries:
            return logits
        new = logits.copy()
        for token, amount in self._entries:
            new[_id(token, logits.size, context.tokenizer)] += amount
        return new if new[new.argmax()] > -np.inf else logits

    @cached_property
    def _entries(self) -> tuple[tuple[str, float], ...]:
        entries, start = [], 0
        while start < len(self.tokens):
            entry = _ENTRY.match(self.tokens, start)
            if not entry:
                raise UsageError(
                    f"invalid entry {self.tokens[start:]!r}; expected TOKEN:AMOUNT, as in e:+2 or #12:-inf"
                )
            amount = float(entry["amount"])
            if not (-100 <= amount <= 100 or amount == -math.inf):
                raise UsageError(
                    f"the amount of {entry['token']!r} must be -100 to 100, or -inf, not {entry['amount']}"
                )
            entries.append((entry["token"], amount))
            start = entry.end()
        return tuple(entries)


def _id(token: str, size: int, tokenizer: Tokenizer | None) -> int:
    """The id of a token, written as its text or as #ID."""
    if re.fullmatch(r"#\d+", token):
        if int(token[1:]) >= size:
            raise UsageError(f"bias: no token has the id {token[1:]}; this model's ids are 0 to {size - 1}")
        return int(token[1:])
    if tokenizer is None:
        raise UsageError(f"bias: {token!r} cannot be looked up without a tokenizer; write #ID")
    try:
        ids = tokenizer.encode(token)
    except VocabularyError:
        raise UsageError(f"bias: the model's vocabulary has no {token!r}") from None
    if len(ids) != 1:
        raise UsageError(f"bias: {token!r} is {len(ids)} tokens in this model; write a single token, or #ID")
    return ids[0]
