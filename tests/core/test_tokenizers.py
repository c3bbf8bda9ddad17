"""Tokenizers for characters and bytes, without specials and with those that a translation needs."""

from __future__ import annotations

import pytest

from seqshell.core.errors import CheckpointError, VocabularyError
from seqshell.core.tokenizers import ByteTokenizer, CharTokenizer


def text_of(tokenizer, ids) -> str:
    return b"".join(map(tokenizer.piece, ids)).decode()


def specials_of(tokenizer):
    return tokenizer.pad, tokenizer.bos, tokenizer.eos, tokenizer.unk


def test_characters_without_specials_are_numbered_from_zero():
    tokenizer = CharTokenizer.train(["cab", "d"])

    assert (tokenizer.size, tokenizer.encode("bad")) == (4, [1, 0, 3])
    assert specials_of(tokenizer) == (None, None, None, None)
    assert tokenizer.to_json() == {"vocabulary": "abcd"}


def test_specials_have_the_first_ids():
    tokenizer = CharTokenizer.train(["cab", "d"], specials=True)

    assert (tokenizer.size, tokenizer.encode("bad")) == (8, [5, 4, 7])
    assert specials_of(tokenizer) == (0, 1, 2, 3)
    assert text_of(tokenizer, [1, 5, 4, 7, 2, 0]) == "bad"
    assert text_of(tokenizer, [3]) == "\ufffd"


def test_an_unknown_character_is_unk_if_the_vocabulary_has_it():
    tokenizer = CharTokenizer.train(["0123456789"], specials=True)

    assert tokenizer.encode("4?0") == [8, 3, 4]
    assert tokenizer.encode("4 apples")[:2] == [8, 3]
    assert (tokenizer.encode(""), tokenizer.encode("?!")) == ([], [3, 3])


def test_a_text_without_a_known_letter_is_rejected():
    tokenizer = CharTokenizer.train(["0123456789,"], specials=True)
    with pytest.raises(
        VocabularyError, match=r"the model's vocabulary has no part of 'forty-two'; its characters: 0123456789$"
    ) as caught:
        tokenizer.encode("- forty-two!")

    assert caught.value.positions == (2, 3, 4, 5, 6, 8, 9, 10)


def test_without_unk_an_unknown_character_is_an_error():
    with pytest.raises(VocabularyError, match=r"the model's vocabulary has no '!' \(character 2 of your text\)"):
        CharTokenizer("a").encode("a!")


@pytest.mark.parametrize("specials", [False, True])
@pytest.mark.parametrize("kind", [CharTokenizer, ByteTokenizer])
def test_a_tokenizer_is_unchanged_by_json(kind, specials):
    tokenizer = kind.train(["né", "né au"], specials=specials)
    again = kind.from_json(tokenizer.to_json())

    assert again.size == tokenizer.size
    assert again.encode("né") == tokenizer.encode("né")
    assert [again.piece(token) for token in range(again.size)] == [
        tokenizer.piece(token) for token in range(tokenizer.size)
    ]
    assert specials_of(again) == specials_of(tokenizer)


def test_specials_shift_the_ids_of_bytes():
    plain, shifted = ByteTokenizer.train([]), ByteTokenizer.train([], specials=True)

    assert (plain.size, plain.encode("é"), plain.to_json()) == (256, [0xC3, 0xA9], {})
    assert (shifted.size, shifted.encode("é"), shifted.to_json()) == (260, [0xC7, 0xAD], {"specials": True})
    assert text_of(shifted, [1, *shifted.encode("né"), 2]) == "né"
    assert specials_of(shifted) == (0, 1, 2, 3)


@pytest.mark.parametrize(
    ("kind", "data"), [(CharTokenizer, {"vocabulary": "ab", "specials": 1}), (ByteTokenizer, {"specials": "yes"})]
)
def test_specials_must_be_true_or_false(kind, data):
    with pytest.raises(CheckpointError, match="specials must be true or false"):
        kind.from_json(data)
