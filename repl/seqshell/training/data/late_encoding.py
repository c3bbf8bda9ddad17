"""Texts in a file that are encoded when a batch asks for them, until another file has the tokens of all."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import RecipeError
from seqshell.core.tokenizers import Tokenizer
from seqshell.training.data.array_store import ArrayStore
from seqshell.training.data.batches import RowBatches
from seqshell.training.data.file_rows import FileRows
from seqshell.training.data.row_encoding import TOGETHER, RowEncoder
from seqshell.training.data.token_rows import TokenRows, stored_rows
from seqshell.training.preparation_progress import Report, Stages, StoppedWork

Batch = TypeVar("Batch", bound=Sequence[Any])
ESTIMATED = 2000  # texts whose tokens are counted, from which the number of those of all follows


class StoredTokens:
    """The store with the tokens of all texts, once it is there."""

    def __init__(self, stored: Callable[[], ArrayStore | None]) -> None:
        self._stored = stored
        self._store: ArrayStore | None = None

    def rows(self, name: str) -> TokenRows | None:
        """The tokens of this name; None if they are not there yet."""
        if self._store is None:
            self._store = self._stored()
        return None if self._store is None else TokenRows(*stored_rows(self._store, name))


class LateTokens:
    """The ids of texts. tokens: the store with those of all of them, under a name."""

    def __init__(self, texts: FileRows, tokenizer: Tokenizer, tokens: StoredTokens, name: str) -> None:
        self.texts = texts
        self._encoder, self._tokens, self._name = RowEncoder(tokenizer), tokens, name

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def lengths(self) -> NDArray[Any]:
        """The bytes of each text, by which texts are grouped before their tokens are counted."""
        return self.texts.lengths

    def at(self, rows: NDArray[Any]) -> list[list[int]]:
        """The ids of some texts. In the store, texts that are left out have none."""
        if (stored := self._tokens.rows(self._name)) is not None:
            return [stored[row] for row in rows.tolist()]
        found = list[list[int]]()
        for start in range(0, len(rows), TOGETHER):
            ids, sizes = self._encoder(self.texts.contents_at(rows[start : start + TOGETHER]))
            ends, values = np.cumsum(sizes).tolist(), ids.tolist()
            found += [values[end - size : end] for end, size in zip(ends, sizes.tolist(), strict=True)]
        return found


@dataclass(frozen=True)
class Rates:
    """What some of the texts show: the bytes of a token, and the share of the texts that are left out."""

    bytes_per_token: float
    left_out: float

    @classmethod
    def of(cls, texts: Sequence[str], ids: Sequence[Sequence[int]], number: int) -> Rates:
        """Those of texts that are not left out, of so many."""
        tokens, num_bytes = sum(map(len, ids)), sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)
        return cls(num_bytes / tokens if tokens else 1.0, 1 - len(texts) / number)

    def as_json(self) -> list[float]:
        """For a store."""
        return [self.bytes_per_token, self.left_out]

    def bytes_of(self, tokens: int) -> int:
        """The estimated size in bytes of a number of tokens."""
        return max(1, round(tokens * self.bytes_per_token)) if tokens else 0

    def left_out_of(self, number: int) -> str:
        """How many of so many texts are left out, in words; "" for none."""
        return f"about {max(1, round(self.left_out * number)):,}" if self.left_out else ""


def estimated(number: int) -> NDArray[np.int64]:
    """The rows of some of so many texts, from all of them."""
    return np.arange(0, number, -(-number // ESTIMATED))


@contextmanager
def encoded_beside(encode: Callable[[Stages], None]) -> Iterator[None]:
    """A context in which a thread encodes what is not encoded yet."""
    ended = threading.Event()

    def stage(name: str) -> Report:
        def report(done: int, total: int) -> None:
            if ended.is_set():
                raise StoppedWork

        return report

    def work() -> None:
        # What goes wrong here shows when the data are read.
        with suppress(RecipeError, StoppedWork):
            encode(stage)

    thread = threading.Thread(target=work, name="seqshell-encoding", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def full_batches(batches: RowBatches, first: int, read: Callable[[NDArray[Any]], Batch]) -> Iterator[Batch]:
    """What `read` gives for each batch from number `first` on; for one of which nothing is left, that of the next one.

    Texts are left out when they are read, so that a batch may lose all of them.
    """
    size = len(batches)
    for number in range(first, size):
        read_on = (read(batches[place % size]) for place in range(number, number + size))
        if (found := next((batch for batch in read_on if len(batch[0])), None)) is not None:
            yield found
