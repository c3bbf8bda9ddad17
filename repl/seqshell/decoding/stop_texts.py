"""Stop texts in answers that branch: what must be known of each is a few bytes, handed from one token to the next."""

from __future__ import annotations

from collections.abc import Iterable

from seqshell.core.tokenizers import Tokenizer


class Endings:
    """Finds stop texts, which may begin and end inside tokens. Keeps nothing of an answer: its tail belongs to the caller.

    The tail is the end of an answer's bytes, in which a stop text may have begun; b"" at first.
    """

    def __init__(self, texts: Iterable[str], tokenizer: Tokenizer) -> None:
        self._texts = tuple(text.encode("utf-8", "surrogatepass") for text in texts)
        self._reach = max(map(len, self._texts), default=1) - 1
        self._tokenizer = tokenizer
        self._pieces: dict[int, bytes] = {}

    def read(self, token: int, tail: bytes) -> tuple[bytes, int]:
        """The tail after a token, and how many bytes there are from the beginning of the first stop text on; 0 without one."""
        window = tail + self.piece(token)
        places = [place for text in self._texts if (place := window.find(text)) >= 0]
        return window[-self._reach :] if self._reach else b"", len(window) - min(places) if places else 0

    def cut(self, ids: list[int], num_bytes: int) -> int:
        """How many of the ids end before the last num_bytes bytes."""
        kept = len(ids)
        while kept and num_bytes > 0:
            kept -= 1
            num_bytes -= len(self.piece(ids[kept]))
        return kept

    def piece(self, token: int) -> bytes:
        """The bytes that a token adds to the text, looked up once."""
        piece = self._pieces.get(token)
        if piece is None:
            piece = self._pieces[token] = self._tokenizer.piece(token)
        return piece
