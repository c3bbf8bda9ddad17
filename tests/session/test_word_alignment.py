"""The words of a source that its tokens belong to, and the word attended to most."""

from __future__ import annotations

import numpy as np
import pytest

from seqshell import EOS
from seqshell.core.subword_tokenizers import BPETokenizer
from seqshell.session.word_alignment import most_attended, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("i see Schmidt", ["i", "see", "Schmidt", ""]),
        ("Mr. Schmidt see", ["Mr", ".", "Schmidt", "see", ""]),
        ("Anna Berta  love\nCäsar!", ["Anna", "Berta", "love", "Cäsar", "!", ""]),
    ],
)
def test_each_token_of_a_source_belongs_to_a_word_of_its_text(text, words, translation_model):
    tokenizer = translation_model.source_tokenizer
    ids = [*tokenizer.encode(" ".join(text.split())), EOS]

    assert words_of(text, ids, tokenizer) == words


def test_subwords_belong_to_the_whole_word():
    tokenizer = BPETokenizer.train(["the dog sees the cat and the dog"] * 4, specials=True, vocab_size=30)
    text = "the dogs, and Zoë's cat"
    ids = [*tokenizer.encode(text), EOS]
    found = words_of(text, ids, tokenizer)

    assert list(dict.fromkeys(found)) == ["the", "dogs", ",", "and", "Zoë'", "s", "cat", ""]


def test_the_end_of_a_source_is_never_the_most_attended_word():
    assert most_attended(np.array([0.1, 0.3, 0.6]), ["the", "dog", ""]) == 1
    assert most_attended(np.array([1.0]), [""]) is None
