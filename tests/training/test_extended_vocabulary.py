"""A vocabulary gets the tokens of a new text that it lacks."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from seqshell.core.subword_tokenizers import BPETokenizer, WordTokenizer
from seqshell.core.tokenizers import ByteTokenizer, CharTokenizer
from seqshell.core.whitespace_tokenizer import WhitespaceTokenizer
from seqshell.training.data.extension import extended, new_tokens


@pytest.mark.parametrize(
    ("tokenizer", "text", "added"),
    [
        (CharTokenizer.train(["abc'"]), "ca\u2019b#a#", ["#"]),
        (CharTokenizer.train(["abc"], specials=True), "xab", ["x"]),
        (ByteTokenizer(), "\u00e9", []),
        (WordTokenizer.train(["a b a"], specials=True), "a c c d", [" c", " d"]),
        (WordTokenizer.train(["a b"], lowercase=True), "A C", [" c"]),
        (WhitespaceTokenizer.train(["a b\n"]), "a c\nb", [" c"]),
        (WhitespaceTokenizer.train(["a b"], end_of_line=False), "a c\nb", [" c"]),
        (BPETokenizer.train(["abab abab"], vocab_size=10), "abab ax", ["x"]),
        (SimpleNamespace(size=3), "anything", []),
    ],
    ids=["char", "special", "byte", "word", "lower", "white", "lines", "bpe", "other"],
)
def test_a_vocabulary_gets_what_a_text_has_and_it_lacks(tokenizer, text, added):
    found = extended(tokenizer, [text])

    assert [found.piece(token).decode() for token in range(tokenizer.size, found.size)] == added
    if added:
        assert all(found.piece(token) == tokenizer.piece(token) for token in range(tokenizer.size))
        assert found.unk not in found.encode(text.lower())
        assert type(found).from_json(found.to_json()).to_json() == found.to_json()


def test_rare_words_stay_unknown_if_the_recipe_says_so():
    assert extended(WordTokenizer.train(["a b"]), ["c c d"], 2).tokens[-1] == " c"


def test_new_tokens_are_counted_in_the_training_text():
    old, new = CharTokenizer("ab"), CharTokenizer("ab#~")
    assert new_tokens(old, new, [np.array([0, 3, 3]), [2], [3]]) == "'~' (3), '#' (1)"
