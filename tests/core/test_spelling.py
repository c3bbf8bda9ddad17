"""Typographic variants in an input become what a vocabulary has, and positions still refer to the input."""

from __future__ import annotations

import unicodedata

import pytest

from seqshell.core.errors import VocabularyError
from seqshell.core.spelling import runs, spelled
from seqshell.core.subword_tokenizers import SPECIALS, BPETokenizer, WordTokenizer
from seqshell.core.tokenizers import UNK, ByteTokenizer, CharTokenizer

ASCII = "".join(map(chr, range(32, 127)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("O\u2019Brien", "O'Brien"),
        ("\u201eso\u201c \u2013 \u00abno\u00bb\u2026", '"so" - "no"...'),
        ("a\u00a0b\u202fc", "a b c"),
        ("co\u00adop\u200b", "coop"),
        ("caf\u00e9 \u5317", "caf\u00e9 \u5317"),
        ("cafe\u0301", "caf\u00e9"),
    ],
)
def test_variants_that_a_vocabulary_lacks_become_those_that_it_has(text, expected):
    assert spelled(text, ASCII).text == expected


def test_a_character_that_the_vocabulary_has_is_kept():
    assert spelled("\u2019\u2013", ASCII + "\u2019").text == "\u2019-"
    assert spelled("isn't", "isnt\u2019").text == "isn\u2019t"


def test_composed_and_decomposed_letters_are_read_as_the_vocabulary_has_them():
    composed, decomposed = "Zo\u00eb", "Zoe\u0308"
    assert spelled(decomposed, "Zo\u00eb").text == composed
    assert spelled(composed, "Zoe\u0308").text == decomposed


def test_positions_refer_to_the_text_of_the_user():
    spelling = spelled("a\u2026e\u0301b", "abe.\u00e9")
    assert spelling.text == "a...\u00e9b"
    assert [spelling.span(index, index + 1) for index in range(6)] == [(0, 1), (1, 2), (1, 2), (1, 2), (2, 4), (4, 5)]
    assert spelling.span(0, 6) == (0, 5)
    assert runs([(0, 1), (1, 3), (4, 5)]) == [(0, 3), (4, 5)]


def test_a_character_tokenizer_reads_variants_and_reports_where_the_unknown_is():
    tokenizer = CharTokenizer(ASCII)
    assert tokenizer.encode("O\u2019B\u2026") == tokenizer.encode("O'B...")
    with pytest.raises(
        VocabularyError, match=r"has no '\u5317', '\u4eac' \(characters 4 to 5 of your text\)"
    ) as caught:
        tokenizer.encode("a\u2026 \u5317\u4eac")
    assert caught.value.positions == (3, 4)


def word(*words, **options):
    return WordTokenizer([*SPECIALS, *words], [0] * (len(words) + 4), **options)


def bpe():
    return BPETokenizer.train(["don't wait - caf\u00e9..."] * 3, specials=True, vocab_size=60)


@pytest.mark.parametrize(
    ("tokenizer", "text", "expected"),
    [
        (CharTokenizer(ASCII, specials=True), "O\u2019B\u5317", ["O", "\u2019", "B", "\u5317"]),
        (ByteTokenizer(), "a\u00e9", ["a", "\u00e9", "\u00e9"]),
        (word(" don'", "t", " \u2019"), "don\u2019t", ["don\u2019", "t"]),
        (
            word(" i", " wait", ".", lowercase=True),
            "I  Wait\u2026 now",
            ["I", " ", " Wait", "\u2026", "\u2026", "\u2026", " now"],
        ),
        (word(" a", " b"), "a\u00a0b", ["a", "\u00a0b"]),
        (bpe(), "don\u2019t \u5317\u4eac cafe\u0301", ["don", "\u2019", "t", " ", "\u5317\u4eac", " cafe\u0301"]),
    ],
)
def test_tokens_are_aligned_with_the_text_of_the_user(tokenizer, text, expected):
    aligned = tokenizer.aligned(text)
    assert [token for token, _, _ in aligned] == tokenizer.encode(text)
    assert [text[start:end] for _, start, end in aligned] == expected


@pytest.mark.parametrize("tokenizer", [bpe(), word(" don'", "t", " wait", " -", " caf\u00e9", ".")])
def test_a_typographic_text_is_read_as_its_plain_spelling(tokenizer):
    typographic, plain = "don\u2019t wait \u2013 cafe\u0301\u2026", "don't wait - caf\u00e9..."
    assert tokenizer.encode(typographic) == tokenizer.encode(plain)
    assert UNK not in tokenizer.encode(typographic)
    assert tokenizer.encode(unicodedata.normalize("NFD", plain)) == tokenizer.encode(plain)
