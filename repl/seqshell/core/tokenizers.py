"""Tokenizers: text to ids and back. A token's piece is bytes, so that one character may be spread over several tokens."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Protocol

from seqshell.core.errors import CheckpointError, VocabularyError

Json = Mapping[str, Any]
PAD, BOS, EOS, UNK = SPECIALS = (
    0,
    1,
    2,
    3,
)  # the specials of TRANSLATE and CLASSIFY vocabularies, in this order, counted in the sizes


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
    def train(
        cls, texts: Iterable[str], *args: Any, **settings: Any
    ) -> Tokenizer:  # *args: mypy then allows any settings by name
        """The tokenizer for a training text, with the settings of a recipe."""


class CharTokenizer:
    """One token for each character of the training text, in code point order. With `specials`, PAD, BOS, EOS and UNK stand before them, and a
    character that it does not know is UNK; without, there are no specials."""

    name: ClassVar[str] = "char"
    pad: int | None = None
    bos: int | None = None
    eos: int | None = None
    unk: int | None = None

    def __init__(self, vocabulary: str, *, specials: bool = False) -> None:
        self.vocabulary = vocabulary
        self.specials = specials
        if specials:
            self.pad, self.bos, self.eos, self.unk = SPECIALS
        first = _num_specials(specials)
        self._ids = {character: index for index, character in enumerate(vocabulary, first)}
        self._pieces = [
            *_pieces_of_specials(specials),
            *(character.encode("utf-8", "surrogatepass") for character in vocabulary),
        ]

    @property
    def size(self) -> int:
        return len(self._pieces)

    def encode(self, text: str) -> list[int]:
        """The ids of a text. VocabularyError for characters that it does not know; where these are UNK, for a text of which it knows no letter."""
        if self.unk is not None:
            ids = [self._ids.get(character, self.unk) for character in text]
            letters = tuple(index for index, character in enumerate(text) if character.isalnum())
            if letters and all(ids[index] == self.unk for index in letters):
                raise nothing_known(text, letters, "".join(filter(str.isalnum, self.vocabulary)))
            return ids
        try:
            return [self._ids[character] for character in text]
        except KeyError:
            positions = tuple(index for index, character in enumerate(text) if character not in self._ids)
            unknown = list(dict.fromkeys(text[index] for index in positions))
            shown = ", ".join(repr(character) for character in unknown[:5]) + (", ..." if len(unknown) > 5 else "")
            where = (
                f"character {positions[0] + 1}"
                if len(positions) == 1
                else f"characters {positions[0] + 1} to {positions[-1] + 1}"
            )
            raise VocabularyError(
                f"the model does not know {shown} ({where} of your text); its vocabulary has {self.size} characters, see /info",
                text=text,
                positions=positions,
                hint="/set unknown skip leaves such characters out",
            ) from None

    def piece(self, token: int) -> bytes:
        """A character; empty for specials but UNK, a replacement character."""
        return self._pieces[token]

    def to_json(self) -> dict[str, Any]:
        return {"vocabulary": self.vocabulary, **_specials_json(self.specials)}

    @classmethod
    def from_json(cls, data: Json) -> CharTokenizer:
        vocabulary = data.get("vocabulary")
        if not isinstance(vocabulary, str) or not vocabulary or len(set(vocabulary)) != len(vocabulary):
            raise CheckpointError("the character tokenizer needs a vocabulary of different characters")
        return cls(vocabulary, specials=_read_specials(data))

    @classmethod
    def train(cls, texts: Iterable[str], *, specials: bool = False) -> CharTokenizer:
        return cls("".join(sorted(set().union(*texts))), specials=specials)


class ByteTokenizer:
    """One token for each of the 256 bytes of UTF-8, after PAD, BOS, EOS and UNK where there are `specials`; nothing is unknown."""

    name: ClassVar[str] = "byte"
    pad: int | None = None
    bos: int | None = None
    eos: int | None = None
    unk: int | None = None

    def __init__(self, *, specials: bool = False) -> None:
        self.specials = specials
        if specials:
            self.pad, self.bos, self.eos, self.unk = SPECIALS
        self._first = _num_specials(specials)
        self._pieces = [*_pieces_of_specials(specials), *(bytes([byte]) for byte in range(256))]

    @property
    def size(self) -> int:
        return len(self._pieces)

    def encode(self, text: str) -> list[int]:
        return [byte + self._first for byte in text.encode("utf-8", "replace")]

    def piece(self, token: int) -> bytes:
        return self._pieces[token]

    def to_json(self) -> dict[str, Any]:
        return _specials_json(self.specials)

    @classmethod
    def from_json(cls, data: Json) -> ByteTokenizer:
        return cls(specials=_read_specials(data))

    @classmethod
    def train(cls, texts: Iterable[str], *, specials: bool = False) -> ByteTokenizer:
        return cls(specials=specials)


def nothing_known(text: str, letters: tuple[int, ...], known: str) -> VocabularyError:
    """The error of a text of which a tokenizer with UNK knows no letter. letters: where they are; known: some that it does know."""
    return VocabularyError(
        f"the model knows nothing of {text[letters[0] : letters[-1] + 1]!r:.40}; it reads {known[:12]}"
        + (" ..." if len(known) > 12 else ""),
        text=text,
        positions=letters,
        hint="/info tells what it was trained on",
    )


def _num_specials(specials: bool) -> int:
    return len(SPECIALS) if specials else 0


def _pieces_of_specials(specials: bool) -> list[bytes]:
    return [b"", b"", b"", "\ufffd".encode()] if specials else []


def _specials_json(specials: bool) -> dict[str, Any]:
    """Nothing without specials: the same as before there were any."""
    return {"specials": True} if specials else {}


def _read_specials(data: Json) -> bool:
    specials = data.get("specials", False)
    if not isinstance(specials, bool):
        raise CheckpointError(f"a tokenizer has specials or not: true or false, not {specials!r:.40}")
    return specials
