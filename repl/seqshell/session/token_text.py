"""Text from token ids, one at a time: characters spread over several tokens, and stop texts that end an answer."""

from __future__ import annotations

from codecs import utf_8_decode
from collections.abc import Iterable, Sequence

from seqshell.core.tokenizers import Tokenizer

LONGEST_TAIL = 3  # bytes of a UTF-8 character that may wait for the rest of it


class TokenText:
    """The bytes and texts of a tokenizer's ids, cached."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._bytes: dict[int, bytes] = {}
        self._whole: dict[int, str] = {}

    def piece(self, token: int) -> bytes:
        """The bytes that a token adds to the text."""
        piece = self._bytes.get(token)
        if piece is None:
            piece = self._bytes[token] = self._tokenizer.piece(token)
        return piece

    def joined(self, ids: Iterable[int]) -> bytes:
        """The bytes of many tokens."""
        known = self._bytes
        try:
            return b"".join(map(known.__getitem__, ids))
        except KeyError:
            return b"".join([self.piece(token) for token in ids])

    def read(self, token: int, tail: bytes) -> tuple[str, bytes]:
        """The text that a token completes after the bytes `tail`, and the bytes that now wait.

        Invalid UTF-8 gives U+FFFD.
        """
        if not tail and (text := self._whole.get(token)) is not None:
            return text, b""
        text, rest = decoded(tail + self.piece(token))
        if not tail and not rest:
            self._whole[token] = text
        return text, rest

    def tail(self, ids: Sequence[int]) -> bytes:
        """The beginning of a character that is incomplete after these ids.

        UTF-8 is self-synchronising, so the last three bytes suffice.
        """
        found = b""
        for token in reversed(ids):
            found = self.piece(token) + found
            if len(found) >= LONGEST_TAIL:
                break
        return decoded(found[-LONGEST_TAIL:])[1]

    def text(self, ids: Iterable[int]) -> str:
        """The text of ids, each incomplete or invalid character as U+FFFD."""
        return self.joined(ids).decode("utf-8", "replace")


def decoded(data: bytes) -> tuple[str, bytes]:
    """The complete characters of some bytes, and the bytes that wait for more."""
    text, used = utf_8_decode(data, "replace", False)
    return text, data[used:]


class StopTexts:
    """Watches the bytes of an answer for stop texts, and decides how many of its last tokens must wait.

    A token waits while the bytes from it on are the beginning of a stop text. So no part of a stop text is ever
    emitted, and every other token is emitted as soon as that is certain. before: the bytes of the answers directly
    before this one, in which a stop text may have begun.
    """

    def __init__(self, texts: Iterable[str], before: bytes = b"") -> None:
        self._texts = tuple(_bytes(text) for text in texts)
        self._beginnings = tuple(
            sorted({text[:length] for text in self._texts for length in range(1, len(text))}, key=len, reverse=True)
        )
        # Invariant: the window is empty or begins where a stop text may begin, and `_ends` holds the ends of waiting
        # tokens.
        self._window = before
        self._ends: list[int] = []
        self._cut()

    @staticmethod
    def reach(texts: Iterable[str]) -> int:
        """The number of bytes before an answer that matter."""
        return max((len(_bytes(text)) for text in texts), default=1) - 1

    def add(self, piece: bytes) -> tuple[int, bool]:
        """Add a token.

        Returns how many of the waiting tokens (this one included) are free, and if a stop text is complete.
        """
        self._window += piece
        self._ends.append(len(self._window))
        places = [place for text in self._texts if (place := self._window.find(text)) >= 0]
        if places:
            return sum(end <= min(places) for end in self._ends), True
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


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
