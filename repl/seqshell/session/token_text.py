"""Text from token ids, one at a time: a character may be spread over several tokens."""

from __future__ import annotations

from codecs import utf_8_decode
from collections.abc import Iterable, Sequence

from seqshell.core.tokenizers import Tokenizer

LONGEST_TAIL = 3  # bytes of a UTF-8 character that may wait for the rest of it


class TokenText:
    """The bytes and texts of a tokenizer's ids, cached.

    pieces, whole: of each token that was read, its bytes, and its text if it is whole.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self.pieces: dict[int, bytes] = {}
        self.whole: dict[int, str] = {}

    def piece(self, token: int) -> bytes:
        """The bytes that a token adds to the text."""
        piece = self.pieces.get(token)
        if piece is None:
            piece = self.pieces[token] = self._tokenizer.piece(token)
        return piece

    def joined(self, ids: Iterable[int]) -> bytes:
        """The bytes of many tokens."""
        known = self.pieces
        try:
            return b"".join(map(known.__getitem__, ids))
        except KeyError:
            for token in set(ids):
                self.piece(token)
            return b"".join(map(known.__getitem__, ids))

    def read(self, token: int, tail: bytes) -> tuple[str, bytes]:
        """The text that a token completes after the bytes `tail`, and the bytes that now wait.

        Invalid UTF-8 gives U+FFFD.
        """
        if not tail and (text := self.whole.get(token)) is not None:
            return text, b""
        text, rest = decoded(tail + self.piece(token))
        if not tail and not rest:
            self.whole[token] = text
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
