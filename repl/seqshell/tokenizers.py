"""Tokenizers: text to ids and back. A token's piece is bytes, so that one character may be spread over several tokens."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Protocol

from seqshell.errors import CheckpointError, VocabularyError

Json = Mapping[str, Any]


class Tokenizer(Protocol):
    """Joined pieces are the text. The specials are ids, or None where the vocabulary has none."""

    name: ClassVar[str]
    pad: int | None
    bos: int | None
    eos: int | None
    unk: int | None

    @property
    def size(self) -> int:
        """The number of ids, specials counted."""

    def encode(self, text: str) -> list[int]:
        """The ids of a text. VocabularyError, with positions, for characters that it does not know."""

    def piece(self, token: int) -> bytes:
        """The bytes that the token adds to the text; empty for specials."""

    def to_json(self) -> dict[str, Any]:
        """Settings and vocabulary, without the name."""

    @classmethod
    def from_json(cls, data: Json) -> Tokenizer:
        """The tokenizer that to_json wrote; CheckpointError when the data cannot be one."""

    @classmethod
    def train(cls, texts: Iterable[str], *args: Any, **settings: Any) -> Tokenizer:  # *args: mypy then allows any settings by name
        """The tokenizer for a training text, with the settings of a recipe."""


class CharTokenizer:
    """One token for each character of the training text, in code point order; no specials."""

    name: ClassVar[str] = "char"
    pad: int | None = None
    bos: int | None = None
    eos: int | None = None
    unk: int | None = None

    def __init__(self, vocabulary: str) -> None:
        self.vocabulary = vocabulary
        self._ids = {character: index for index, character in enumerate(vocabulary)}
        self._pieces = [character.encode("utf-8", "surrogatepass") for character in vocabulary]

    @property
    def size(self) -> int:
        return len(self.vocabulary)

    def encode(self, text: str) -> list[int]:
        try:
            return [self._ids[character] for character in text]
        except KeyError:
            positions = tuple(index for index, character in enumerate(text) if character not in self._ids)
            unknown = list(dict.fromkeys(text[index] for index in positions))
            shown = ", ".join(repr(character) for character in unknown[:5]) + (", ..." if len(unknown) > 5 else "")
            where = f"character {positions[0] + 1}" if len(positions) == 1 else f"characters {positions[0] + 1} to {positions[-1] + 1}"
            raise VocabularyError(
                f"the model does not know {shown} ({where} of your text); its vocabulary has {self.size} characters, see /info",
                text=text,
                positions=positions,
                hint="/set unknown skip leaves such characters out",
            ) from None

    def piece(self, token: int) -> bytes:
        return self._pieces[token]

    def to_json(self) -> dict[str, Any]:
        return {"vocabulary": self.vocabulary}

    @classmethod
    def from_json(cls, data: Json) -> CharTokenizer:
        vocabulary = data.get("vocabulary")
        if not isinstance(vocabulary, str) or not vocabulary or len(set(vocabulary)) != len(vocabulary):
            raise CheckpointError("the character tokenizer needs a vocabulary of different characters")
        return cls(vocabulary)

    @classmethod
    def train(cls, texts: Iterable[str]) -> CharTokenizer:
        return cls("".join(sorted(set().union(*texts))))


class ByteTokenizer:
    """One token for each of the 256 bytes of UTF-8; no specials, and nothing is unknown."""

    name: ClassVar[str] = "byte"
    size = 256
    pad: int | None = None
    bos: int | None = None
    eos: int | None = None
    unk: int | None = None

    def encode(self, text: str) -> list[int]:
        return list(text.encode("utf-8", "replace"))

    def piece(self, token: int) -> bytes:
        return bytes([token])

    def to_json(self) -> dict[str, Any]:
        return {}

    @classmethod
    def from_json(cls, data: Json) -> ByteTokenizer:
        return cls()

    @classmethod
    def train(cls, texts: Iterable[str]) -> ByteTokenizer:
        return cls()
