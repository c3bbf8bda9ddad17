"""A tokenizer with syllables as tokens. Rare syllables are spelt with characters, so that every text can be encoded."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from seqshell import BOS, EOS, PAD, UNK, CheckpointError, VocabularyError

SPECIALS = 4  # PAD, BOS, EOS and UNK come first
LARGEST = 1_000_000  # tokens in a vocabulary

VOWEL = "[aeiouyàáâãäåæèéêëìíîïòóôõöøùúûüýÿœ]"
CONSONANT = rf"(?:(?!{VOWEL})[^\W\d_])"
# A syllable is consonants, vowels and a closing part: all consonants at the end of a word, else one if another one
# follows. Everything else (a space, a punctuation mark, a digit) is a token of one character.
SYLLABLE = re.compile(
    rf"{CONSONANT}*{VOWEL}+(?:{CONSONANT}+(?![^\W\d_])|{CONSONANT}(?={CONSONANT}))?|{CONSONANT}+|.",
    re.IGNORECASE | re.DOTALL,
)


class Syllables:
    """One token for each frequent syllable and each character of the training text.

    tokens: characters in code point order, then syllables, the most frequent first. With `specials`, PAD, BOS, EOS and
    UNK come first, and unknown characters become UNK; without them, unknown characters are an error.
    """

    name: ClassVar[str] = "syllables"

    def __init__(self, tokens: Sequence[str], *, specials: bool = False) -> None:
        self.tokens = tuple(tokens)
        self.specials = specials
        self.pad, self.bos, self.eos, self.unk = (PAD, BOS, EOS, UNK) if specials else (None,) * 4
        first = SPECIALS if specials else 0
        self._ids = {token: index for index, token in enumerate(self.tokens, first)}
        own = [b"", b"", b"", "\N{REPLACEMENT CHARACTER}".encode()] if specials else []
        self._pieces = [*own, *(token.encode("utf-8", "surrogatepass") for token in self.tokens)]

    @property
    def size(self) -> int:
        """The number of ids, including specials."""
        return len(self._pieces)

    def encode(self, text: str) -> list[int]:
        """The ids of a text. Raises VocabularyError for unknown characters if there is no UNK."""
        ids: list[int] = []
        for syllable in split(text):
            ids += (
                [self._ids[syllable]]
                if syllable in self._ids
                else [self._ids.get(character, -1) for character in syllable]
            )
        if -1 not in ids:
            return ids
        if self.unk is not None:
            return [self.unk if token < 0 else token for token in ids]
        positions = tuple(index for index, character in enumerate(text) if character not in self._ids)
        shown = ", ".join(dict.fromkeys(repr(text[index]) for index in positions[:5]))
        raise VocabularyError(
            f"the model's vocabulary has no {shown}",
            text=text,
            positions=positions,
            hint="/set unknown skip leaves such characters out",
        )

    def piece(self, token: int) -> bytes:
        """The bytes that a token adds to the text; empty for specials, except UNK, which is a replacement character."""
        return self._pieces[token]

    def to_json(self) -> dict[str, Any]:
        return {"tokens": list(self.tokens), "specials": self.specials}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Syllables:
        tokens, specials = data.get("tokens"), data.get("specials", False)
        if (
            not isinstance(tokens, list)
            or not 1 <= len(tokens) <= LARGEST
            or not all(isinstance(token, str) and token for token in tokens)
        ):
            raise CheckpointError("the tokenizer syllables needs a list of tokens")
        if len(set(tokens)) != len(tokens) or not isinstance(specials, bool):
            raise CheckpointError("the tokenizer syllables needs distinct tokens, and specials must be true or false")
        return cls(tokens, specials=specials)

    @classmethod
    def train(
        cls, texts: Iterable[str], *, specials: bool = False, min_freq: int = 2, vocab_size: int = 10_000
    ) -> Syllables:
        """Use every character and the syllables that occur at least min_freq times, at most vocab_size tokens.

        The special tokens are included in vocab_size.

        Raises ValueError if vocab_size is too small for all characters.
        """
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(split(text))
        characters = sorted(set().union(*counts))
        room = vocab_size - len(characters) - (SPECIALS if specials else 0)
        if min_freq < 1 or room < 0:
            raise ValueError(
                f"min_freq must be at least 1 and vocab_size at least {vocab_size - room}, for every character"
            )
        frequent = [(-count, syllable) for syllable, count in counts.items() if count >= min_freq and len(syllable) > 1]
        return cls([*characters, *(syllable for _, syllable in sorted(frequent)[:room])], specials=specials)


def split(text: str) -> list[str]:
    """The syllables of a text, and the characters between them; joined they are the text."""
    return SYLLABLE.findall(text)
