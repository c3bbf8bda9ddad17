"""Stop texts: where one begins in the bytes of an answer, for answers that are streamed and for answers that branch.

A stop text may begin and end inside tokens, so the search is in bytes. Each class keeps the few bytes in which a stop
text may have begun; the bytes before them no longer matter.
"""

from __future__ import annotations

from collections.abc import Iterable

from seqshell.core.tokenizers import Tokenizer


class StopTexts:
    """Some stop texts, as bytes. reach: the number of bytes before a new token in which one may have begun."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.texts = tuple(text.encode("utf-8", "surrogatepass") for text in texts)
        self.reach = max(map(len, self.texts), default=1) - 1

    def find(self, window: bytes) -> int:
        """The index at which the first stop text begins; -1 if there is none."""
        return min((index for text in self.texts if (index := window.find(text)) >= 0), default=-1)


class StopWatch:
    """Watches a streamed answer, and decides how many of its last tokens must wait.

    A token waits while the bytes from it on are the beginning of a stop text. So no part of a stop text is ever
    emitted, and every other token is emitted as soon as that is certain. before: the bytes of the answers directly
    before this one, in which a stop text may have begun.
    """

    def __init__(self, stops: StopTexts, before: bytes = b"") -> None:
        self._stops = stops
        beginnings = {text[:length] for text in stops.texts for length in range(1, len(text))}
        self._beginnings = tuple(sorted(beginnings, key=len, reverse=True))
        # Invariant: the window is empty or begins where a stop text may begin, and `_ends` holds the ends of waiting
        # tokens.
        self._window = before
        self._ends: list[int] = []
        self._cut()

    def add(self, piece: bytes) -> tuple[int, bool]:
        """Add a token.

        Returns how many of the waiting tokens (this one included) are free, and if a stop text is complete.
        """
        self._window += piece
        self._ends.append(len(self._window))
        if (start := self._stops.find(self._window)) >= 0:
            return sum(end <= start for end in self._ends), True
        waiting = len(self._ends)
        cut = self._cut()
        self._ends = [end - cut for end in self._ends if end > cut]
        return waiting - len(self._ends), False

    def _cut(self) -> int:
        """Drop the bytes in which no stop text can begin; returns how many."""
        waiting = 0
        if self._window.endswith(self._beginnings):
            waiting = next(len(beginning) for beginning in self._beginnings if self._window.endswith(beginning))
        cut = len(self._window) - waiting
        self._window = self._window[cut:]
        return cut


class BranchingStops:
    """Finds stop texts in answers that branch, as those of a beam search. It stores nothing of an answer.

    The caller keeps each answer's tail: its last bytes, in which a stop text may have begun; b"" at first.
    """

    def __init__(self, texts: Iterable[str], tokenizer: Tokenizer) -> None:
        self._stops = StopTexts(texts)
        self._tokenizer = tokenizer
        self._pieces: dict[int, bytes] = {}

    def read(self, token: int, tail: bytes) -> tuple[bytes, int]:
        """The tail after a token, and the number of bytes from the first stop text on; 0 without one."""
        window = tail + self.piece(token)
        start = self._stops.find(window)
        return window[-self._stops.reach :] if self._stops.reach else b"", len(window) - start if start >= 0 else 0

    def cut(self, ids: list[int], num_bytes: int) -> int:
        """How many of the ids end before the last num_bytes bytes."""
        kept = len(ids)
        while kept and num_bytes > 0:
            kept -= 1
            num_bytes -= len(self.piece(ids[kept]))
        return kept

    def piece(self, token: int) -> bytes:
        """The bytes that a token adds to the text, cached."""
        piece = self._pieces.get(token)
        if piece is None:
            piece = self._pieces[token] = self._tokenizer.piece(token)
        return piece
