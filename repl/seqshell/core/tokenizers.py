"""Tokenizers: text to ids and back. A token's piece is bytes, because a character may span several tokens."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Protocol

from seqshell.core.errors import CheckpointError, VocabularyError

Json = Mapping[str, Any]
# The special ids of TRANSLATE and CLASSIFY vocabularies. A vocabulary's size includes them.
PAD, BOS, EOS, UNK = SPECIALS = (0, 1, 2, 3)


class Tokenizer(Protocol):
    """Converts text to ids and back: the pieces of the ids, joined, are the text.

    pad, bos, eos, unk: special ids, or None if the vocabulary does not have them.
    """

    name: ClassVar[str]
    pad: int | None
    bos: int | None
    eos: int | None
    unk: int | None

    @property
    def size(self) -> int:
        """The number of ids, including specials."""

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text. Raises VocabularyError, with positions, for unknown characters."""

    def piece(self, token: int) -> bytes:
        """Return the bytes that a token adds to the text; empty for specials."""

    def to_json(self) -> dict[str, Any]:
        """Return the settings and the vocabulary, without the tokenizer's name."""

    @classmethod
    def from_json(cls, data: Json) -> Tokenizer:
        """Build the tokenizer that to_json wrote. Raises CheckpointError for invalid data."""

    @classmethod
    def train(cls, texts: Iterable[str], *args: Any, **settings: Any) -> Tokenizer:
        """Build a tokenizer from training texts, with the settings of a recipe."""
        # *args is here because mypy then accepts implementations with any keyword settings.


class CharTokenizer:
    """One token for each character of the training text, in code point order.

    specials: if true, the first ids are PAD, BOS, EOS and UNK, and unknown characters become UNK.
    """

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
        """Return the ids of a text.

        Raises VocabularyError for unknown characters; with UNK, only if the text has letters or digits and all of them
        are unknown.
        """
        if self.unk is not None:
            ids = [self._ids.get(character, self.unk) for character in text]
            letters = tuple(index for index, character in enumerate(text) if character.isalnum())
            if letters and all(ids[index] == self.unk for index in letters):
                raise no_known_letter(text, letters, "".join(filter(str.isalnum, self.vocabulary)))
            return ids
        try:
            return [self._ids[character] for character in text]
        except KeyError:
            positions = tuple(index for index, character in enumerate(text) if character not in self._ids)
            unknown = list(dict.fromkeys(text[index] for index in positions))
            shown = ", ".join(repr(character) for character in unknown[:5]) + (", ..." if len(unknown) > 5 else "")
            first, last = positions[0] + 1, positions[-1] + 1
            where = f"character {first}" if first == last else f"characters {first} to {last}"
            raise VocabularyError(
                f"the model's vocabulary has no {shown} ({where} of your text); "
                f"it has {self.size} characters, see /info",
                text=text,
                positions=positions,
                hint="/set unknown skip leaves such characters out",
            ) from None

    def piece(self, token: int) -> bytes:
        """Return a character. UNK: a replacement character; other specials: empty."""
        return self._pieces[token]

    def to_json(self) -> dict[str, Any]:
        return {"vocabulary": self.vocabulary, **_specials_json(self.specials)}

    @classmethod
    def from_json(cls, data: Json) -> CharTokenizer:
        vocabulary = data.get("vocabulary")
        if not isinstance(vocabulary, str) or not vocabulary or len(set(vocabulary)) != len(vocabulary):
            raise CheckpointError("the character tokenizer needs a vocabulary of distinct characters")
        return cls(vocabulary, specials=_read_specials(data))

    @classmethod
    def train(cls, texts: Iterable[str], *, specials: bool = False) -> CharTokenizer:
        return cls("".join(sorted(set().union(*texts))), specials=specials)


class ByteTokenizer:
    """One token for each of the 256 byte values of UTF-8, so that nothing is unknown.

    specials: if true, the first ids are PAD, BOS, EOS and UNK.
    """

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


def no_known_letter(text: str, letters: tuple[int, ...], known: str) -> VocabularyError:
    """Return the error of a tokenizer with UNK for a text in which it knows no letter.

    letters: the positions of the text's letters and digits. known: letters that the vocabulary has.
    """
    part = text[letters[0] : letters[-1] + 1]
    more = " ..." if len(known) > 12 else ""
    return VocabularyError(
        f"the model's vocabulary has no part of {part!r:.40}; its characters: {known[:12]}{more}",
        text=text,
        positions=letters,
        hint="/info shows what it was trained on",
    )


def _num_specials(specials: bool) -> int:
    return len(SPECIALS) if specials else 0


def _pieces_of_specials(specials: bool) -> list[bytes]:
    return [b"", b"", b"", "\ufffd".encode()] if specials else []


def _specials_json(specials: bool) -> dict[str, Any]:
    """Return the JSON field for specials; no field without specials."""
    return {"specials": True} if specials else {}


def _read_specials(data: Json) -> bool:
    specials = data.get("specials", False)
    if not isinstance(specials, bool):
        raise CheckpointError(f"a tokenizer's specials must be true or false, not {specials!r:.40}")
    return specials
