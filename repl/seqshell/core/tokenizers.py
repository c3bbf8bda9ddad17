"""Tokenizers: text to ids and back. A token's piece is bytes, because a character may span several tokens."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Protocol

from seqshell.core.errors import CheckpointError, VocabularyError
from seqshell.core.spelling import Spelling, spelled

Aligned = list[tuple[int, int, int]]  # each token's id, and where its text begins and ends
Json = Mapping[str, Any]
# The special ids of TRANSLATE, CLASSIFY and TAG vocabularies. A vocabulary's size includes them.
PAD, BOS, EOS, UNK = SPECIALS = (0, 1, 2, 3)


class Tokenizer(Protocol):
    """Converts text to ids and back: the pieces of the ids, joined, are the text.

    pad, bos, eos, unk: special ids, or None if the vocabulary does not have them.

    A tokenizer may also have `aligned(text) -> Aligned`: the ids of encode, each with the range of the text that it
    stands for. Without it, the text of an unknown token is searched for between the known ones. encode may replace
    characters that the vocabulary lacks by variants that it has, see seqshell.core.spelling.

    A class whose `cuts_before_spaces` is true promises that the ids of a text are those of its parts, joined, wherever
    it is cut before a space. Then training encodes a large text part by part; any other is encoded at once, in memory.
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
        """Build a tokenizer from training texts, with the settings of a recipe's [tokenizer] table as keywords.

        For TRANSLATE, CLASSIFY and TAG, the host calls train(texts, specials=True, ...): the ids 0 to 3 must then be
        PAD, BOS, EOS and UNK. For GENERATE it calls train(texts, ...) without `specials`. A tokenizer whose `train` has
        no parameter `specials` is for GENERATE alone. An invalid setting raises ValueError; users see its message.
        """
        # *args is here because mypy then accepts implementations with any keyword settings.


class CharTokenizer:
    """One token for each character of the training text, in code point order.

    specials: if true, the first ids are PAD, BOS, EOS and UNK, and unknown characters become UNK.
    """

    name: ClassVar[str] = "char"
    cuts_before_spaces: ClassVar[bool] = True
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
        try:
            return [self._ids[character] for character in text]
        except KeyError:
            return self._read(text, spelled(text, self._ids))

    def aligned(self, text: str) -> Aligned:
        """Return the ids of a text, each with the range of the text that it stands for. Errors as for encode."""
        spelling = spelled(text, self._ids)
        return list(zip(self._read(text, spelling), spelling.starts, spelling.ends, strict=True))

    def _read(self, text: str, spelling: Spelling) -> list[int]:
        unknown = [place for place, character in enumerate(spelling.text) if character not in self._ids]
        if self.unk is None and unknown:
            positions = tuple(
                place for index in unknown for place in range(spelling.starts[index], spelling.ends[index])
            )
            raise self._unknown_characters(text, positions, [spelling.text[index] for index in unknown])
        ids = [self._ids.get(character, self.unk) for character in spelling.text]
        letters = tuple(index for index, character in enumerate(text) if character.isalnum())
        if letters and all(ids[index] == self.unk for index, letter in enumerate(spelling.text) if letter.isalnum()):
            raise no_known_letter(text, letters, "".join(filter(str.isalnum, self.vocabulary)))
        return ids  # type: ignore[return-value]  # an unknown character has raised, or has the id unk

    def _unknown_characters(self, text: str, positions: tuple[int, ...], characters: list[str]) -> VocabularyError:
        unknown = list(dict.fromkeys(characters))
        shown = ", ".join(repr(character) for character in unknown[:5]) + (", ..." if len(unknown) > 5 else "")
        first, last = positions[0] + 1, positions[-1] + 1
        where = f"character {first}" if first == last else f"characters {first} to {last}"
        return VocabularyError(
            f"the model's vocabulary has no {shown} ({where} of your text); it has {self.size} characters, see /info",
            text=text,
            positions=positions,
            hint="/set unknown skip leaves such characters out",
        )

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
        known: set[str] = set()
        for text in texts:
            ascii_known = "".join(filter(str.isascii, known)).encode()
            rest = text.encode("utf-8", "surrogatepass").translate(None, ascii_known)  # much faster than set(text)
            known.update(rest.decode("utf-8", "surrogatepass"))
        return cls("".join(sorted(known)), specials=specials)


class ByteTokenizer:
    """One token for each of the 256 byte values of UTF-8, so that nothing is unknown.

    specials: if true, the first ids are PAD, BOS, EOS and UNK.
    """

    name: ClassVar[str] = "byte"
    cuts_before_spaces: ClassVar[bool] = True
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

    def aligned(self, text: str) -> Aligned:
        """Return the ids of a text, each with the range of the character that it belongs to."""
        return [(token, place, place + 1) for place, character in enumerate(text) for token in self.encode(character)]

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
