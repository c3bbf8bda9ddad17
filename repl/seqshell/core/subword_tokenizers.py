"""Tokenizers whose tokens are words, or parts of words found by byte-pair encoding (BPE).

Splitting loses no text: a word includes the space before it, and a space is added before the first word. The first ids
are the specials: PAD, BOS, EOS and UNK, or, without `specials`, UNK alone.
"""

from __future__ import annotations

import json
import random
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from seqshell.core.errors import CheckpointError
from seqshell.core.spelling import Spelling, plain, spelled
from seqshell.core.tokenizers import Aligned, Json, no_known_letter
from seqshell.core.word_counts import CountedText, count_words, counted

SPECIALS = ("<pad>", "<bos>", "<eos>", "<unk>")
SPACE = "\u2581"  # a space inside a part of a word, as in SentencePiece (Kudo & Richardson 2018)
MAX_VOCAB_SIZE = 1_000_000
LONG_WORD = re.compile(r"(\S{1000})(?=\S)")
LONGEST_DROPOUT = 200  # characters of a word; the time of BPE-dropout grows with their square
WORD = re.compile(r" ?\w+['\u2019]?| ?[^\w\s]|\s")  # l'homme is l' and homme; punctuation marks are words


class Vocabulary:
    """Tokens by id: first the specials, then words or parts of words."""

    name: ClassVar[str]

    def __init__(self, tokens: Sequence[str]) -> None:
        self.tokens = tuple(tokens)
        self.specials = len(SPECIALS) if self.tokens[: len(SPECIALS)] == SPECIALS else 1
        has_all = self.specials == len(SPECIALS)
        self.pad: int | None = 0 if has_all else None
        self.bos: int | None = 1 if has_all else None
        self.eos: int | None = 2 if has_all else None
        self.unk: int | None = self.specials - 1
        self.ids = {token: index for index, token in enumerate(self.tokens)}
        self.characters = frozenset("".join(self.tokens[self.specials :]).replace(SPACE, " ")) | {" "}

    @property
    def size(self) -> int:
        """The number of ids, including specials."""
        return len(self.tokens)

    def _checked(self, ids: list[int], text: str) -> list[int]:
        """Return ids. Raises VocabularyError if the text has letters or digits, but no known token in ids has any."""
        if any(index >= self.specials and any(map(str.isalnum, self.tokens[index])) for index in ids):
            return ids
        if letters := tuple(index for index, character in enumerate(text) if character.isalnum()):
            known = "".join(sorted(set(filter(str.isalpha, "".join(self.tokens[self.specials : 500])))))
            raise no_known_letter(text, letters, known)
        return ids

    @staticmethod
    def _read_tokens(data: Json, name: str) -> tuple[str, ...]:
        tokens = data.get("tokens")
        if (
            not isinstance(tokens, list)
            or not 1 <= len(tokens) <= MAX_VOCAB_SIZE
            or not all(isinstance(token, str) and token for token in tokens)
        ):
            raise CheckpointError(f"the {name} tokenizer needs a list of tokens")
        if len(set(tokens)) != len(tokens) or "<unk>" not in (tokens[0], *tokens[3:4]):
            raise CheckpointError(
                f"the {name} tokenizer's tokens must differ and begin with {', '.join(SPECIALS)} or with <unk>"
            )
        return tuple(tokens)


class WordTokenizer(Vocabulary):
    """One token for each frequent word of the training text; every other word is UNK.

    counts: how often each token occurred in the training text; 0 for specials. lowercase: True to convert text to
    lower case.
    """

    name: ClassVar[str] = "word"
    cuts_before_spaces: ClassVar[bool] = True
    trains_on_counts: ClassVar[bool] = True

    def __init__(self, tokens: Sequence[str], counts: Sequence[int], *, lowercase: bool = False) -> None:
        super().__init__(tokens)
        self.counts = tuple(counts)
        self.lowercase = lowercase

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text, UNK for unknown words. Raises VocabularyError if all words are unknown."""
        words = WORD.findall(_with_space(self._spelled(text).text))
        return self._checked([token for word in words for token in self._tokens(word)], text)

    def aligned(self, text: str) -> Aligned:
        """Return the ids of a text, each with the range of its word in the text. Errors as for encode."""
        spelling = self._spelled(text)
        spaced = _with_space(spelling.text)
        added = len(spaced) - len(spelling.text)
        found: Aligned = []
        for word in WORD.finditer(spaced):
            span = spelling.span(max(0, word.start() - added), word.end() - added)
            found += [(token, *span) for token in self._tokens(word[0])]
        self._checked([token for token, _, _ in found], text)
        return found

    def _spelled(self, text: str) -> Spelling:
        """The text in NFC, in lower case if the vocabulary is, in its characters."""
        normal = self._normal(text)
        if len(normal) == len(text):
            return spelled(normal, self.characters)
        return spelled(text, self.characters, self._normal)

    def _normal(self, text: str) -> str:
        text = unicodedata.normalize("NFC", text)
        return text.lower() if self.lowercase else text

    def _tokens(self, word: str) -> list[int]:
        """The id of a word; of an unknown one, those of its plain spelling if they are known, else UNK."""
        if (token := self.ids.get(word)) is not None:
            return [token]
        words = WORD.findall(plain(word))
        return [self.ids[word] for word in words] if all(word in self.ids for word in words) else [self.specials - 1]

    def piece(self, token: int) -> bytes:
        """Return a word with the space before it; <unk> for UNK; empty for other specials."""
        if token < self.specials:
            return b" <unk>" if token == self.unk else b""
        return self.tokens[token].encode("utf-8", "surrogatepass")

    def to_json(self) -> dict[str, Any]:
        return {"tokens": list(self.tokens), "counts": list(self.counts), "lowercase": self.lowercase}

    @classmethod
    def from_json(cls, data: Json) -> WordTokenizer:
        tokens, counts, lowercase = cls._read_tokens(data, "word"), data.get("counts"), data.get("lowercase", False)
        if (
            not isinstance(counts, list)
            or len(counts) != len(tokens)
            or not all(type(count) is int and count >= 0 for count in counts)
        ):
            raise CheckpointError("the word tokenizer needs a count for each token")
        return cls(tokens, counts, lowercase=bool(lowercase))

    @classmethod
    def train(
        cls,
        texts: Iterable[CountedText],
        *,
        specials: bool = False,
        min_freq: int = 1,
        vocab_size: int = MAX_VOCAB_SIZE,
        lowercase: bool = False,
    ) -> WordTokenizer:
        """Keep the most frequent words that occur at least min_freq times.

        texts: each alone, or with the number of times it occurs. vocab_size: maximum number of tokens, including
        specials.
        """
        if min_freq < 1 or vocab_size < len(SPECIALS) + 1:
            raise ValueError(f"min_freq must be at least 1 and vocab_size at least {len(SPECIALS) + 1}")
        found: Counter[str] = Counter()
        for text, number in map(counted, texts):
            normal = unicodedata.normalize("NFC", text)
            count_words(found, WORD.findall(_with_space(normal.lower() if lowercase else normal)), number)
        first = SPECIALS if specials else SPECIALS[-1:]
        kept = sorted(
            ((word, count) for word, count in found.items() if count >= min_freq), key=lambda item: (-item[1], item[0])
        )
        kept = kept[: vocab_size - len(first)]
        return cls(
            [*first, *(word for word, _ in kept)], [0] * len(first) + [count for _, count in kept], lowercase=lowercase
        )


class BPETokenizer(Vocabulary):
    """Byte-pair encoding: characters are merged into parts of words, the most frequent pairs first
    (Sennrich et al. 2016, https://arxiv.org/abs/1508.07909).

    merges: the pairs in the order in which they were learned. A punctuation mark is a token of its own. Unknown
    characters are UNK.
    """

    name: ClassVar[str] = "bpe"
    cuts_before_spaces: ClassVar[bool] = True

    def __init__(self, tokens: Sequence[str], merges: Sequence[tuple[str, str]]) -> None:
        from tokenizers import Tokenizer, models

        super().__init__(tokens)
        self.merges = tuple(merges)
        self._ranks = {pair: rank for rank, pair in enumerate(self.merges)}
        self._splitter = _splitter(
            Tokenizer(models.BPE(vocab=self.ids, merges=list(self.merges), unk_token=SPECIALS[-1], fuse_unk=True))
        )

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text, UNK for unknown characters. Raises VocabularyError if all letters are unknown."""
        return self._checked(list(self._encoded(spelled(text, self.characters)).ids), text)

    def aligned(self, text: str) -> Aligned:
        """Return the ids of a text, each with its range of the text. Errors as for encode."""
        spelling = spelled(text, self.characters)
        encoded = self._encoded(spelling)
        self._checked(list(encoded.ids), text)
        return [(token, *spelling.span(*span)) for token, span in zip(encoded.ids, encoded.offsets, strict=True)]

    def _encoded(self, spelling: Spelling) -> Any:
        return self._splitter.encode(re.sub("[\ud800-\udfff]", "\ufffd", spelling.text), add_special_tokens=False)

    def split(self, text: str) -> list[str]:
        """Split a text into words for `encode_word`."""
        normal = self._splitter.normalizer.normalize_str(text)
        return [word for word, _ in self._splitter.pre_tokenizer.pre_tokenize_str(normal)]

    def encode_word(self, word: str, dropout: float, draws: random.Random) -> list[int]:
        """Return the ids of one word; each merge is skipped with probability `dropout` at each step.

        This is BPE-dropout (Provilkov et al. 2020, https://arxiv.org/abs/1910.13267, algorithm 1). With dropout 0 the
        result is that of `encode`; so it is for a word of more than LONGEST_DROPOUT characters.
        """
        if len(word) > LONGEST_DROPOUT:
            return [token.id for token in self._splitter.model.tokenize(word)]
        parts = [character if character in self.ids else SPECIALS[-1] for character in word]
        while len(parts) > 1:
            pairs = [
                (rank, place)
                for place in range(len(parts) - 1)
                if (rank := self._ranks.get((parts[place], parts[place + 1]))) is not None
            ]
            pairs = [pair for pair in pairs if draws.random() >= dropout] if dropout else pairs
            if not pairs:
                break
            _, place = min(pairs)
            parts[place : place + 2] = [parts[place] + parts[place + 1]]
        fused = [
            part for place, part in enumerate(parts) if part != SPECIALS[-1] or place == 0 or parts[place - 1] != part
        ]
        return [self.ids[part] for part in fused]

    def piece(self, token: int) -> bytes:
        """Return a part of a word, after a space if it begins one. UNK: replacement character; others: empty."""
        if token < self.specials:
            return "\ufffd".encode() if token == self.unk else b""
        return self.tokens[token].replace(SPACE, " ").encode("utf-8", "surrogatepass")

    def to_json(self) -> dict[str, Any]:
        return {"tokens": list(self.tokens), "merges": [f"{left} {right}" for left, right in self.merges]}

    @classmethod
    def from_json(cls, data: Json) -> BPETokenizer:
        tokens, merges = cls._read_tokens(data, "bpe"), data.get("merges")
        if not isinstance(merges, list) or not all(isinstance(merge, str) for merge in merges):
            raise CheckpointError("the bpe tokenizer needs a list of merges")
        known = set(tokens)
        pairs = []
        for merge in merges:
            left, space, right = merge.partition(" ")
            if not space or not {left, right, left + right} <= known:
                raise CheckpointError(f"the bpe tokenizer has the merge {merge!r:.40} of unknown tokens")
            pairs.append((left, right))
        return cls(tokens, pairs)

    @classmethod
    def train(
        cls,
        texts: Iterable[str],
        *,
        specials: bool = False,
        vocab_size: int = 8000,
        min_freq: int = 2,
        characters: int = 1000,
    ) -> BPETokenizer:
        """Learn the merges from training texts.

        vocab_size: maximum number of tokens, including specials. min_freq: how often a pair must occur to be merged.
        characters: how many different characters to keep, the most frequent ones. Words of more than 1,000 characters
        are cut: the time grows with the square of a word's length.
        """
        from tokenizers import Tokenizer, models, trainers

        if not len(SPECIALS) < vocab_size <= MAX_VOCAB_SIZE or min_freq < 1 or characters < 1:
            raise ValueError(
                f"vocab_size must be {len(SPECIALS) + 1} to {MAX_VOCAB_SIZE}, min_freq and characters at least 1"
            )
        first = list(SPECIALS if specials else SPECIALS[-1:])
        trainer = trainers.BpeTrainer(
            vocab_size=vocab_size,
            min_frequency=min_freq,
            special_tokens=first,
            limit_alphabet=characters,
            show_progress=False,
        )
        trained = _splitter(Tokenizer(models.BPE(unk_token=SPECIALS[-1])))
        lines = (line for text in texts for line in LONG_WORD.sub(r"\1\n", text).splitlines())
        trained.train_from_iterator(lines, trainer)
        model = json.loads(trained.to_str())["model"]
        tokens = sorted(model["vocab"], key=model["vocab"].__getitem__)
        return cls(
            tokens, [tuple(merge) if isinstance(merge, list) else tuple(merge.split(" ")) for merge in model["merges"]]
        )


def _with_space(text: str) -> str:
    """The text with a space before its first word, as every other word has."""
    return text if text[:1].isspace() else f" {text}" if text else ""


def _splitter(tokenizer: Any) -> Any:
    """Configure a tokenizer to normalise text and split it into words; training and encoding must agree on both."""
    from tokenizers import normalizers, pre_tokenizers

    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Metaspace(SPACE, prepend_scheme="always"), pre_tokenizers.Punctuation("isolated")]
    )
    return tokenizer
