"""The streams of a large text whose tokens are not counted: each begins at a share of the bytes of the text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.training.language.sections import SectionTokens


@dataclass(frozen=True)
class SectionStreams:
    """A text as `batch_size` contiguous streams, read `sequence_length` tokens at a time, as `Streams` has it.

    Stream b of B begins at b / B of the bytes, in a section at the same share of its tokens. All have the batches that
    the estimated number of tokens gives: some end a little before the next one begins, some after.
    """

    tokens: SectionTokens
    batch_size: int
    sequence_length: int

    @property
    def size(self) -> str:
        """The number of tokens in words, to three digits."""
        return f"about {float(f'{self.tokens.number:.3g}'):,.0f}"

    @property
    def num_orders(self) -> int:
        """The number of bytes: an epoch may start at any of them."""
        return self.tokens.sections.size

    @property
    def num_batches(self) -> int:
        """Batches in an epoch."""
        return max(1, (self.tokens.number - 1) // self.batch_size // self.sequence_length)

    @property
    def ids(self) -> NDArray[Any]:
        """All tokens [N]; waits until they are in the file."""
        return self.tokens.all()

    @property
    def beginning(self) -> NDArray[Any]:
        """Some tokens [N] from the beginning."""
        return next(tokens for number in range(len(self.tokens)) if len(tokens := self.tokens[number]))

    def batches(self, offset: int, start: int = 0) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """(inputs [B, T], targets [B, T]) of each batch, starting with number `start`.

        offset: first byte of the epoch.
        """
        size, length = self.tokens.sections.size, self.sequence_length
        rows = [
            _Row(self.tokens, (offset + number * size // self.batch_size) % size) for number in range(self.batch_size)
        ]
        for row in rows:
            row.skip(start * length)
        for _ in range(start, self.num_batches):
            ids = np.stack([row.read(length) for row in rows]).astype(np.int64)
            yield np.ascontiguousarray(ids[:, :-1]), np.ascontiguousarray(ids[:, 1:])


class _Row:
    """A stream, read on from a byte of the text; the text begins again after its end."""

    def __init__(self, tokens: SectionTokens, byte: int) -> None:
        self._tokens = tokens
        self._number, share = tokens.sections.place(byte)
        ids = tokens[self._number]
        self._ids = ids[int(share * len(ids)) :]  # those of the section that are left

    def skip(self, number: int) -> None:
        """Leave out tokens."""
        while number >= len(self._ids):
            number -= len(self._ids)
            self._ids = self._next()
        self._ids = self._ids[number:]

    def read(self, number: int) -> NDArray[Any]:
        """The next tokens and one more [number + 1], which comes again."""
        while len(self._ids) <= number:
            self._ids = np.concatenate((self._ids, self._next()))
        found, self._ids = self._ids[: number + 1], self._ids[number:]
        return found

    def _next(self) -> NDArray[Any]:
        self._number = (self._number + 1) % len(self._tokens)
        return self._tokens[self._number]
