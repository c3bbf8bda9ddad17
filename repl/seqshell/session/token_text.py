"""From ids to text while they come: characters spread over several tokens, and texts at which an answer ends."""

from __future__ import annotations

from codecs import utf_8_decode
from collections.abc import Iterable, Sequence

from seqshell.core.tokenizers import Tokenizer

LONGEST_TAIL = 3  # bytes of UTF-8 that may wait for the rest of their character


class Pieces:
    """The bytes and texts of a tokenizer's ids, looked up once each."""

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
        """The text that a token completes after the bytes `tail`, and the bytes that wait now. What is no UTF-8 gives U+FFFD."""
        if not tail and (text := self._whole.get(token)) is not None:
            return text, b""
        text, rest = decoded(tail + self.piece(token))
        if not tail and not rest:
            self._whole[token] = text
        return text, rest

    def tail(self, ids: Sequence[int]) -> bytes:
        """The beginning of a character that is incomplete after these ids; UTF-8 can be read from any place, so the last bytes tell."""
        found = b""
        for token in reversed(ids):
            found = self.piece(token) + found
            if len(found) >= LONGEST_TAIL:
                break
        return decoded(found[-LONGEST_TAIL:])[1]

    def text(self, ids: Iterable[int]) -> str:
        """The text of ids, each incomplete or wrong character as U+FFFD."""
        return self.joined(ids).decode("utf-8", "replace")


def decoded(data: bytes) -> tuple[str, bytes]:
    """The whole characters of some bytes, and the rest that waits for more."""
    text, used = utf_8_decode(data, "replace", False)
    return text, data[used:]


class StopTexts:
    """Watches the bytes of an answer for texts at which it ends, and says how many of its last tokens must wait.

    before: the bytes of the answers directly before this one, where a stop text may have begun.
    """

    def __init__(self, texts: Iterable[str], before: bytes = b"") -> None:
        self._texts = tuple(_bytes(text) for text in texts)
        self._beginnings = tuple(
            sorted({text[:length] for text in self._texts for length in range(1, len(text))}, key=len, reverse=True)
        )
        self._window = before  # from the first byte that may be the beginning of a stop text
        self._ends: list[int] = []  # where each token that waits ends in the window
        self._cut()

    @staticmethod
    def reach(texts: Iterable[str]) -> int:
        """How many bytes before an answer matter."""
        return max((len(_bytes(text)) for text in texts), default=1) - 1

    def see(self, piece: bytes) -> tuple[int, bool]:
        """Add a token. Returns how many of those that wait, this one counted, may be told now, and whether a stop text is complete."""
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
        """Forget the bytes in which no stop text can begin; returns how many."""
        waiting = 0
        if self._window.endswith(self._beginnings):
            waiting = next(len(beginning) for beginning in self._beginnings if self._window.endswith(beginning))
        cut = len(self._window) - waiting
        self._window = self._window[cut:]
        return cut


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
