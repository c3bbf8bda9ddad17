"""The tokenizer of texts that are already divided into words by spaces, such as WikiText and the Penn Treebank."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from seqshell.core.errors import CheckpointError
from seqshell.core.spelling import plain
from seqshell.core.subword_tokenizers import MAX_VOCAB_SIZE, SPECIALS, Vocabulary
from seqshell.core.text_output import quoted
from seqshell.core.tokenizers import Aligned, Json, no_known_letter
from seqshell.core.word_counts import CountedText, count_words, counted

UNKNOWN = SPECIALS[-1]
LINE_END = "\n"  # the token for the end of a line, called <eos> in papers
LINE_ENDS = ("", "\n", " \n")
WORD, WORD_OR_LINE_END = re.compile(r"[^ \t\n\r\f\v]+"), re.compile(r"[^ \t\n\r\f\v]+|\n")


class WhitespaceTokenizer(Vocabulary):
    """One token for each word between white space, and one for the end of each line.

    A text has as many tokens as `wc -w` counts words, plus one for each line, which is how papers count. Marks such as
    <unk> and @-@ are words; <unk> is UNK, like every word that the training text lacks. Decoding restores the text
    with one space before each word: runs of spaces become one, and so does the beginning of a line.

    line_end: what the end of a line adds to the text, "\\n" or " \\n"; "" if it is no token.
    """

    name: ClassVar[str] = "whitespace"
    cuts_before_spaces: ClassVar[bool] = True
    trains_on_counts: ClassVar[bool] = True
    whole_lines: ClassVar[bool] = True  # a text is divided into training and validation between two lines

    def __init__(self, tokens: Sequence[str], *, line_end: str = LINE_END) -> None:
        super().__init__(tokens)
        self.line_end = line_end
        self._known = {token: index for token, index in self.ids.items() if index >= self.specials - 1}
        self._words = WORD_OR_LINE_END if line_end else WORD

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text, UNK for unknown words. Raises VocabularyError if all words are unknown."""
        known, words = self._known, self._words.findall(text)
        return self._checked([known[word] if word in known else self._respelled(word) for word in words], text)

    def aligned(self, text: str) -> Aligned:
        """Return the ids of a text, each with the range of its word and the space before it. Errors as for encode."""
        places = [(match.start(), match.end()) for match in self._words.finditer(text)]
        return [
            (token, start - (text[start - 1 : start] == " "), end)
            for token, (start, end) in zip(self.encode(text), places, strict=True)
        ]

    def _respelled(self, word: str) -> int:
        """The id of a word in the vocabulary's spelling: composed letters, straight quotation marks; else UNK."""
        composed = unicodedata.normalize("NFC", word)
        unknown = self.specials - 1
        return self._known.get(composed, self._known.get(plain(composed), unknown))

    def _checked(self, ids: list[int], text: str) -> list[int]:
        """Return ids. Raises VocabularyError if the text has letters or digits, but only unknown words have any."""
        if self.unk not in ids:
            return ids
        words = self._words.findall(text)
        known = (
            word in self._known or token != self.unk
            for word, token in zip(words, ids, strict=True)
            if any(map(str.isalnum, word))
        )
        if not any(known) and any(map(str.isalnum, text)):
            letters = tuple(index for index, character in enumerate(text) if character.isalnum())
            first = "".join(self.tokens[self.specials : 500])
            raise no_known_letter(text, letters, "".join(sorted(set(filter(str.isalpha, first)))))
        return ids

    def piece(self, token: int) -> bytes:
        """Return a word after a space, or the end of a line; <unk> for UNK; empty for other specials."""
        word = self.tokens[token]
        if token < self.specials and token != self.unk:
            return b""
        return self.line_end.encode() if word == LINE_END else f" {word}".encode("utf-8", "surrogatepass")

    def to_json(self) -> dict[str, Any]:
        return {"tokens": list(self.tokens), "line_end": self.line_end}

    @classmethod
    def from_json(cls, data: Json) -> WhitespaceTokenizer:
        tokens, line_end = cls._read_tokens(data, cls.name), data.get("line_end")
        if line_end not in LINE_ENDS or (LINE_END in tokens) != bool(line_end):
            raise CheckpointError("the whitespace tokenizer's line_end does not fit its tokens")
        if wrong := next((token for token in tokens if token != LINE_END and not WORD.fullmatch(token)), None):
            raise CheckpointError(f"the whitespace tokenizer has the token {wrong!r:.40}, which contains a space")
        return cls(tokens, line_end=line_end)

    @classmethod
    def train(
        cls,
        texts: Iterable[CountedText],
        *,
        specials: bool = False,
        min_freq: int = 1,
        vocab_size: int = MAX_VOCAB_SIZE,
        end_of_line: bool = True,
    ) -> WhitespaceTokenizer:
        """Keep the most frequent words that occur at least min_freq times.

        texts: as for WordTokenizer. vocab_size: maximum number of tokens, including UNK, the end of a line and the
        specials. end_of_line: whether the end of a line is a token; if not, it is white space.
        """
        if min_freq < 1 or vocab_size < len(SPECIALS) + 2:
            raise ValueError(f"min_freq must be at least 1 and vocab_size at least {len(SPECIALS) + 2}")
        if not isinstance(end_of_line, bool):
            raise ValueError(f"end_of_line must be true or false, not {quoted(end_of_line)}")
        found: Counter[str] = Counter()
        lines = spaced = 0
        for text, number in map(counted, texts):
            count_words(found, WORD.findall(text), number)
            lines += number * text.count("\n")
            spaced += number * text.count(" \n")
        first = [*(SPECIALS if specials else SPECIALS[-1:]), *([LINE_END] if end_of_line else [])]
        kept = sorted(
            (word for word, count in found.items() if count >= min_freq and word not in first),
            key=lambda word: (-found[word], word),
        )
        line_end = " \n" if 2 * spaced > lines else "\n"
        return cls([*first, *kept[: vocab_size - len(first)]], line_end=line_end if end_of_line else "")
