"""The tokenizer of a list of tokens that another program made: words, characters, bytes, or texts of any length."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar

from seqshell.core.errors import CheckpointError, VocabularyError
from seqshell.core.spelling import Spelling, plain, spelled
from seqshell.core.subword_tokenizers import MAX_VOCAB_SIZE
from seqshell.core.text_output import quoted
from seqshell.core.tokenizers import Aligned, CharTokenizer, Json, Tokenizer, no_known_letter

WORDS, CHARACTERS, BYTES = UNITS = ("words", "characters", "bytes")
WORD, WORD_OR_LINE_END = re.compile(r"\S+"), re.compile(r"\S+|\n")
PART = re.compile(r"[\w\u0300-\u036f]+|[^\w\s]")  # of a word that the list lacks: letters with their accents, and marks
LONGEST = 64  # characters of a token that is looked for in a text without spaces
ROLES = ("pad", "bos", "eos", "unk", "line_end")
# What programs call their special tokens, in lower case.
NAMES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "pad": ("<pad>", "[pad]", "<blank>", "xxpad", ""),
        "bos": ("<s>", "<bos>", "<sos>", "<go>", "<start>", "[bos]", "xxbos"),
        "eos": ("</s>", "<eos>", "<end>", "<stop>", "[eos]", "xxeos"),
        "unk": ("<unk>", "[unk]", "<oov>", "xxunk"),
    }
)


class ListTokenizer:
    """Ids are places in a list, which may contain "", repeat a text, and have special tokens anywhere.

    unit: "words" between white space, each decoded with a space before it; "characters", or longer texts, of which the
    longest that fits is taken; "bytes", one for each character of the list, by its number. pad, bos, eos, unk: ids of
    special tokens. line_end: the id of the token for the end of a line.

    A word that the list lacks is taken apart at punctuation marks. A list without capital letters reads text in lower
    case.
    """

    name: ClassVar[str] = "listed"

    def __init__(
        self,
        tokens: Sequence[str],
        *,
        unit: str = CHARACTERS,
        pad: int | None = None,
        bos: int | None = None,
        eos: int | None = None,
        unk: int | None = None,
        line_end: int | None = None,
    ) -> None:
        self.tokens = tuple(tokens)
        self.unit = unit
        self.pad, self.bos, self.eos, self.unk, self.line_end = pad, bos, eos, unk, line_end
        specials = {pad, bos, eos, unk, line_end}
        self.ids = {}
        for number in reversed(range(len(self.tokens))):  # of equal tokens, the first is read
            if number not in specials and self.tokens[number]:
                self.ids[self.tokens[number]] = number
        if line_end is not None:
            self.ids["\n"] = line_end
        self._is_lower = not any(character.isupper() for token in self.ids for character in token)
        self._characters = frozenset("".join(self.ids))
        self._lengths = sorted({min(len(token), LONGEST) for token in self.ids}, reverse=True)
        self._words = WORD if line_end is None else WORD_OR_LINE_END

    @classmethod
    def of(cls, tokens: Sequence[str], *, ends_lines: bool = False) -> ListTokenizer:
        """The tokenizer of a list whose unit and special tokens are found by their looks and names.

        ends_lines: whether the end of a sequence, such as <eos>, is the end of a line, as in language models of words.
        """
        roles: dict[str, int] = {}
        for number, token in enumerate(tokens):
            role = next((role for role, names in NAMES.items() if token.lower() in names), None)
            if role is not None:
                roles.setdefault(role, number)
        texts = [token for number, token in enumerate(tokens) if number not in roles.values() and token != "\n"]
        longer = sum(len(token) > 1 for token in texts)
        spaced = any(character.isspace() for token in texts for character in token)
        unit = WORDS if 2 * longer > len(texts) and not spaced else CHARACTERS
        if unit == WORDS and "\n" in tokens:
            roles["line_end"] = tokens.index("\n")
        elif ends_lines and unit == WORDS and "eos" in roles:
            roles["line_end"] = roles.pop("eos")
        return cls(tokens, unit=unit, **roles)

    @property
    def size(self) -> int:
        """The number of ids."""
        return len(self.tokens)

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text. Raises VocabularyError for unknown text, if all of it is or there is no UNK."""
        return [token for token, _, _ in self.aligned(text)]

    def aligned(self, text: str) -> Aligned:
        """Return the ids of a text, each with the range of the text that it stands for. Errors as for encode."""
        if self.unit == BYTES:
            found = [(self.ids.get(chr(byte)), start, end) for start, end, byte in _bytes_of(text)]
        elif self.unit == WORDS:
            found = [
                each for word in self._words.finditer(text) for each in self._read_word(word[0], word.start(), text)
            ]
        else:
            found = list(self._read_characters(text))
        return self._checked(found, text)

    def _read_word(self, word: str, start: int, text: str) -> Iterator[tuple[int | None, int, int]]:
        """The ids of a word; of one that the list lacks, those of its parts, if any of them is known."""
        before = start - (text[start - 1 : start] == " ")
        if (token := self._known(word)) is not None:
            yield token, before, start + len(word)
            return
        parts = [(self._known(part[0]), start + part.start(), start + part.end()) for part in PART.finditer(word)]
        if all(token is None for token, _, _ in parts):
            parts = [(None, before, start + len(word))]
        yield from parts

    def _known(self, word: str) -> int | None:
        """The id of a word in the list's spelling: composed letters, straight quotation marks, lower case."""
        if word in self.ids:
            return self.ids[word]
        word = unicodedata.normalize("NFC", word.lower() if self._is_lower else word)
        return self.ids.get(word, self.ids.get(plain(word)))

    def _read_characters(self, text: str) -> Iterator[tuple[int | None, int, int]]:
        """The ids of the longest tokens from each place on; None for a character that begins none."""
        spelling = self._spelled(text)
        place, end = 0, len(spelling.text)
        while place < end:
            for length in self._lengths:
                token = self.ids.get(spelling.text[place : place + length])
                if token is not None and place + length <= end:
                    yield token, *spelling.span(place, place + length)
                    place += length
                    break
            else:
                yield None, *spelling.span(place, place + 1)
                place += 1

    def _spelled(self, text: str) -> Spelling:
        return spelled(text, self._characters, str.lower if self._is_lower and text != text.lower() else None)

    def _checked(self, found: Sequence[tuple[int | None, int, int]], text: str) -> Aligned:
        """Put UNK where there is no id. Raises VocabularyError if the list has no UNK, or knows no letter of a text."""
        unknown = [(start, end) for token, start, end in found if token is None]
        if unknown and self.unk is None:
            raise self._unknown_text(text, unknown)
        letters = tuple(index for index, character in enumerate(text) if character.isalnum())
        known = (text[start:end] for token, start, end in found if token is not None)
        if unknown and letters and not any(character.isalnum() for part in known for character in part):
            raise no_known_letter(text, letters, "".join(sorted(filter(str.isalpha, self._characters))))
        return [(self.unk if token is None else token, start, end) for token, start, end in found]  # type: ignore[misc]  # UNK is known here

    def _unknown_text(self, text: str, spans: Sequence[tuple[int, int]]) -> VocabularyError:
        parts = list(dict.fromkeys(text[start:end].strip() or text[start:end] for start, end in spans))
        shown = ", ".join(map(quoted, parts[:5])) + (", ..." if len(parts) > 5 else "")
        return VocabularyError(
            f"the model's vocabulary has no {shown}; it has {self.size} {self.unit}, see /info",
            text=text,
            positions=tuple(place for start, end in spans for place in range(start, end)),
            hint="/set unknown skip leaves such characters out" if self.unit == CHARACTERS else "",
        )

    def piece(self, token: int) -> bytes:
        """Return what a token adds to the text: a word after a space, a text, or a byte; nothing for other specials."""
        if token == self.line_end:
            return b"\n"
        text = self.tokens[token]
        if token == self.unk:
            return b" <unk>" if self.unit == WORDS else "\ufffd".encode()
        if token in (self.pad, self.bos, self.eos):
            return b""
        if self.unit == BYTES:
            return text.encode("latin-1")
        return (
            f" {text}".encode("utf-8", "surrogatepass") if self.unit == WORDS else text.encode("utf-8", "surrogatepass")
        )

    def to_json(self) -> dict[str, Any]:
        roles = {role: getattr(self, role) for role in ROLES}
        return {"tokens": list(self.tokens), "unit": self.unit, "roles": roles}

    @classmethod
    def from_json(cls, data: Json) -> ListTokenizer:
        tokens, unit, roles = data.get("tokens"), data.get("unit"), data.get("roles")
        if (
            not isinstance(tokens, list)
            or not 1 <= len(tokens) <= MAX_VOCAB_SIZE
            or not all(isinstance(token, str) for token in tokens)
        ):
            raise CheckpointError("the listed tokenizer needs a list of tokens")
        if not isinstance(roles, Mapping) or not all(
            roles.get(role) is None or (type(roles[role]) is int and 0 <= roles[role] < len(tokens)) for role in ROLES
        ):
            raise CheckpointError("the listed tokenizer needs the ids of its special tokens")
        made = cls(tokens, unit=unit if isinstance(unit, str) else "", **{role: roles.get(role) for role in ROLES})
        if unit not in UNITS or (unit == BYTES and any(len(token) > 1 or token > "\xff" for token in made.ids)):
            raise CheckpointError(f"the listed tokenizer cannot have the unit {quoted(unit)}")
        return made

    @classmethod
    def train(cls, texts: Iterable[str]) -> ListTokenizer:
        """List the characters of the texts in code point order."""
        return cls(sorted(set().union(*texts)))


def tokenizer_of(tokens: Sequence[str | int], *, ends_lines: bool = False) -> Tokenizer:
    """The tokenizer of a vocabulary in the order of its ids: of characters, of words, or of bytes if they are numbers.

    ends_lines: as for ListTokenizer.of.
    """
    if all(isinstance(token, int) for token in tokens):
        return ListTokenizer([chr(token) for token in tokens], unit=BYTES)  # type: ignore[arg-type]  # as tested
    texts = [str(token) for token in tokens]
    if all(len(text) == 1 for text in texts) and len(set(texts)) == len(texts):
        return CharTokenizer("".join(texts))
    return ListTokenizer.of(texts, ends_lines=ends_lines)


def _bytes_of(text: str) -> Iterator[tuple[int, int, int]]:
    """The range of the character of each byte, and the byte."""
    for place, character in enumerate(text):
        for byte in character.encode("utf-8", "replace"):
            yield place, place + 1, byte
