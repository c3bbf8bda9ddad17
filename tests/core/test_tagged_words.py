"""Words of a text, their tokens, and the entities that tags name."""

from __future__ import annotations

import pytest

from seqshell.core.errors import VocabularyError
from seqshell.core.subword_tokenizers import BPETokenizer, WordTokenizer
from seqshell.core.tagged_words import (
    Entity,
    category_of,
    encode_words,
    entities,
    has_entities,
    words_of,
)
from seqshell.core.tokenizers import ByteTokenizer, CharTokenizer
from seqshell.core.whitespace_tokenizer import WhitespaceTokenizer

TEXTS = ["the cat sat on the mat .", "a dog saw the cat ( and John 's dog )"] * 5


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Anna lives in New York.", ["Anna", "lives", "in", "New", "York", "."]),
        ("don't pay 1,000.50 at 10:30!", ["don't", "pay", "1,000.50", "at", "10:30", "!"]),
        ("the U.S. and e.g. this...", ["the", "U.S.", "and", "e.g.", "this", "..."]),
        ("def area(r): return x**2", ["def", "area", "(", "r", ")", ":", "return", "x", "**", "2"]),
        ("a well-known  e-mail,\n``so''", ["a", "well-known", "e-mail", ",", "``", "so", "''"]),
        ("çok güzel bir gün", ["çok", "güzel", "bir", "gün"]),
        (" \n", []),
    ],
)
def test_spaces_and_punctuation_divide_words(text, words):
    found = words_of(text)

    assert [word.text for word in found] == words
    assert [text[word.start : word.end] for word in found] == words


@pytest.mark.parametrize("kind", [WordTokenizer, BPETokenizer, WhitespaceTokenizer])
def test_the_ids_of_words_are_those_of_the_text(kind):
    tokenizer = kind.train(TEXTS, specials=True)
    ids, last = encode_words(tokenizer, TEXTS[1].split())

    assert ids == tokenizer.encode(TEXTS[1])
    assert len(last) == len(TEXTS[1].split())
    assert last[-1] == len(ids) - 1


@pytest.mark.parametrize("tokenizer", [CharTokenizer.train(TEXTS, specials=True), ByteTokenizer(specials=True)])
def test_characters_and_bytes_have_a_space_before_each_word(tokenizer):
    ids, last = encode_words(tokenizer, ["the", "cat"])

    assert b"".join(map(tokenizer.piece, ids)) == b" the cat"
    assert last == [3, 7]


def test_a_word_that_the_vocabulary_lacks_is_unknown_and_words_are_encoded_once():
    tokenizer, known = WordTokenizer.train(TEXTS, specials=True), {"cat": [9]}

    assert encode_words(tokenizer, ["zebra", "cat", "zebra"], known) == ([3, 9, 3], [0, 1, 2])
    assert known == {"cat": [9], "zebra": [3]}
    with pytest.raises(VocabularyError):
        encode_words(CharTokenizer.train(TEXTS), ["今日"])


def test_half_a_character_is_unknown():
    assert encode_words(BPETokenizer.train(TEXTS, specials=True), ["\udae8"]).ids[-1] == 3


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("B-PER I-PER O B-LOC", [("PER", 0, 2), ("LOC", 3, 4)]),
        ("B-PER B-PER I-PER", [("PER", 0, 1), ("PER", 1, 3)]),
        ("I-PER I-PER O I-LOC", [("PER", 0, 2), ("LOC", 3, 4)]),  # as in IOB1: I- begins an entity
        ("B-PER I-LOC I-LOC", [("PER", 0, 1), ("LOC", 1, 3)]),
        ("O O", []),
    ],
)
def test_entities_are_found_as_conlleval_finds_them(tags, expected):
    assert entities(tags.split()) == [Entity(*each) for each in expected]


def test_tags_name_entities_if_all_are_of_the_form():
    assert has_entities(("B-PER", "I-PER", "O"))
    assert not has_entities(("O",))
    assert not has_entities(("B-PER", "NOUN"))
    assert [category_of(tag) for tag in ("B-PER", "I-PER", "O", "NOUN")] == ["PER", "PER", "", "NOUN"]
