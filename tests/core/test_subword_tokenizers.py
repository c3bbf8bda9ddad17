"""Word and BPE tokenizers: which parts of a text are tokens, which are unknown, and that no text is lost."""

from __future__ import annotations

import json
import random

import pytest

from seqshell.core.errors import CheckpointError, VocabularyError
from seqshell.core.subword_tokenizers import BPETokenizer, WordTokenizer

TEXT = 'The cat sat, "there". The cats sat there.\nA man\'s hat (red) is the hat of the man.\n' * 3


def tokens(tokenizer, text):
    return [tokenizer.tokens[token] for token in tokenizer.encode(text)]


def joined(tokenizer, text):
    return b"".join(map(tokenizer.piece, tokenizer.encode(text))).decode()


@pytest.fixture(scope="module")
def bpe():
    return BPETokenizer.train([TEXT], specials=True, vocab_size=60)


def test_a_word_includes_the_space_before_it_and_a_mark_is_a_word():
    tokenizer = WordTokenizer.train([TEXT], specials=True)

    assert tokens(tokenizer, "The man's hat (red).") == [" The", " man'", "s", " hat", " (", "red", ")", "."]
    assert tokenizer.tokens[:4] == ("<pad>", "<bos>", "<eos>", "<unk>")
    assert (tokenizer.pad, tokenizer.bos, tokenizer.eos, tokenizer.unk) == (0, 1, 2, 3)


def test_words_are_ordered_by_frequency_and_rare_ones_are_unknown():
    tokenizer = WordTokenizer.train(["b a a c a b"], specials=True, min_freq=2)

    assert tokenizer.tokens[4:] == (" a", " b")
    assert tokenizer.counts == (0, 0, 0, 0, 3, 2)
    assert tokenizer.encode("a c b") == [4, 3, 5]
    assert joined(tokenizer, "a c b") == " a <unk> b"


def test_the_vocabulary_size_includes_the_specials():
    assert WordTokenizer.train(["b a a c a b"], specials=True, vocab_size=5).tokens[4:] == (" a",)
    assert BPETokenizer.train([TEXT], specials=True, vocab_size=50).size == 50


def test_without_specials_unk_is_the_only_special():
    tokenizer = WordTokenizer.train(["b a a"])

    assert (tokenizer.pad, tokenizer.bos, tokenizer.eos, tokenizer.unk) == (None, None, None, 0)
    assert tokenizer.encode("a x") == [1, 0]


def test_lowercase_converts_words_to_lower_case():
    assert WordTokenizer.train(["The the THE"], lowercase=True).tokens == ("<unk>", " the")


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        *(
            (kind, text)
            for kind in (WordTokenizer, BPETokenizer)
            for text in ("The cat sat.", 'A man\'s "hat" (red), there', "cats  sat")
        ),
        (WordTokenizer, "The\ncat"),  # BPE is trained and applied line by line
    ],
)
def test_joined_pieces_are_the_text_after_a_space(kind, text):
    tokenizer = kind.train([TEXT, text], specials=True)

    assert joined(tokenizer, text) == " " + text


@pytest.mark.parametrize("kind", [WordTokenizer, BPETokenizer])
def test_a_tokenizer_is_unchanged_by_json(kind):
    tokenizer = kind.train([TEXT], specials=True)
    again = kind.from_json(json.loads(json.dumps(tokenizer.to_json())))

    assert again.encode("The cats sat on hats") == tokenizer.encode("The cats sat on hats")
    assert again.tokens == tokenizer.tokens


def test_composed_and_decomposed_accents_are_the_same_token():
    for kind in (WordTokenizer, BPETokenizer):
        tokenizer = kind.train(["caf\u00e9 caf\u00e9"], specials=True)
        assert tokenizer.encode("cafe\u0301") == tokenizer.encode("caf\u00e9")


def test_a_text_is_rejected_if_all_its_letters_are_unknown_but_not_if_one_is(bpe):
    with pytest.raises(VocabularyError, match="the model's vocabulary has no part of '我爱你'") as caught:
        bpe.encode("我爱你")
    assert caught.value.positions == (0, 1, 2)
    assert "\ufffd" in joined(bpe, "The 爱 cat")
    assert joined(bpe, "The 爱 cat").replace("\ufffd", "爱") == " The 爱 cat"


def test_frequent_words_become_one_token(bpe):
    assert "\u2581the" in bpe.tokens
    assert tokens(bpe, "the hat.")[0] == "\u2581the"
    assert tokens(bpe, "the hat.")[-1] == "."


def test_a_single_word_is_encoded_as_in_a_text(bpe):
    text = 'The cats\' hat, "A 爱爱 man"'
    parts = [token for word in bpe.split(text) for token in bpe.encode_word(word, 0.0, random.Random(0))]

    assert parts == bpe.encode(text)


def test_bpe_dropout_changes_the_tokens_but_not_the_text(bpe):
    draws = random.Random(0)
    word = bpe.split("there")[0]
    found = {tuple(bpe.encode_word(word, 0.3, draws)) for _ in range(50)}

    assert len(found) > 3
    assert {b"".join(map(bpe.piece, parts)) for parts in found} == {b" there"}
    assert len(bpe.encode_word(word, 1.0, draws)) == len(word)


def test_a_very_long_word_is_split_without_dropout(bpe):
    """As in a line without spaces: the time of BPE-dropout grows with the square of a word's length."""
    short, long = (bpe.split("there" * number)[0] for number in (39, 10_000))

    assert bpe.encode_word(long, 0.5, random.Random(0)) == bpe.encode("there" * 10_000)
    assert len(bpe.encode_word(short, 0.5, random.Random(0))) > len(bpe.encode("there" * 39))


def test_a_vocabulary_is_learned_from_a_very_long_word_in_pieces():
    """200,000 characters, in less time than ten thousand at once take without the cuts."""
    letters = "".join(random.Random(0).choices("abcdefgh", k=200_000))
    bpe = BPETokenizer.train([letters], specials=True, vocab_size=1000)

    assert bpe.size == 1000
    assert joined(bpe, letters[:5000]) == f" {letters[:5000]}"


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (WordTokenizer, {"tokens": []}),
        (WordTokenizer, {"tokens": ["<unk>", "a", "a"], "counts": [0, 1, 1]}),
        (WordTokenizer, {"tokens": ["a", "b"], "counts": [0, 1]}),
        (WordTokenizer, {"tokens": ["<unk>", "a"], "counts": [0]}),
        (BPETokenizer, {"tokens": ["<unk>", "a", "b"]}),
        (BPETokenizer, {"tokens": ["<unk>", "a", "b"], "merges": ["a b"]}),
        (BPETokenizer, {"tokens": ["<unk>", "a", "b"], "merges": [["a", "b"]]}),
    ],
)
def test_invalid_data_is_rejected(kind, data):
    with pytest.raises(CheckpointError):
        kind.from_json(data)


@pytest.mark.parametrize("settings", [{"vocab_size": 2}, {"min_freq": 0}])
def test_invalid_sizes_are_rejected(settings):
    for kind in (WordTokenizer, BPETokenizer):
        with pytest.raises(ValueError, match="at least"):
            kind.train([TEXT], specials=True, **settings)
