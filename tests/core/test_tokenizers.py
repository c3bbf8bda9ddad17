"""Characters and bytes as tokens, alone and with the specials that a translation needs."""

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


def test_specials_stand_before_the_characters():
    tokenizer = CharTokenizer.train(["cab", "d"], specials=True)

    assert (tokenizer.size, tokenizer.encode("bad")) == (8, [5, 4, 7])
    assert specials_of(tokenizer) == (0, 1, 2, 3)
    assert text_of(tokenizer, [1, 5, 4, 7, 2, 0]) == "bad"
    assert text_of(tokenizer, [3]) == "\ufffd"


def test_an_unknown_character_is_unk_where_there_is_one():
    tokenizer = CharTokenizer.train(["0123456789"], specials=True)

    assert tokenizer.encode("4?0") == [8, 3, 4]
    assert tokenizer.encode("4 apples")[:2] == [8, 3]
    assert (tokenizer.encode(""), tokenizer.encode("?!")) == ([], [3, 3])


def test_a_text_of_which_no_letter_is_known_is_refused():
    tokenizer = CharTokenizer.train(["0123456789,"], specials=True)
    with pytest.raises(
        VocabularyError, match=r"the model knows nothing of 'forty-two'; it reads 0123456789$"
    ) as caught:
        tokenizer.encode("- forty-two!")

    assert caught.value.positions == (2, 3, 4, 5, 6, 8, 9, 10)


def test_without_unk_every_unknown_character_is_refused():
    with pytest.raises(VocabularyError, match=r"does not know '!' \(character 2 of your text\)"):
        CharTokenizer("a").encode("a!")


@pytest.mark.parametrize("specials", [False, True])
@pytest.mark.parametrize("kind", [CharTokenizer, ByteTokenizer])
def test_a_tokenizer_comes_back_from_json_as_it_was(kind, specials):
    tokenizer = kind.train(["né", "né au"], specials=specials)
    again = kind.from_json(tokenizer.to_json())

    assert again.size == tokenizer.size
    assert again.encode("né") == tokenizer.encode("né")
    assert [again.piece(token) for token in range(again.size)] == [
        tokenizer.piece(token) for token in range(tokenizer.size)
    ]
    assert specials_of(again) == specials_of(tokenizer)


def test_bytes_move_up_for_specials():
    plain, shifted = ByteTokenizer.train([]), ByteTokenizer.train([], specials=True)

    assert (plain.size, plain.encode("é"), plain.to_json()) == (256, [0xC3, 0xA9], {})
    assert (shifted.size, shifted.encode("é"), shifted.to_json()) == (260, [0xC7, 0xAD], {"specials": True})
    assert text_of(shifted, [1, *shifted.encode("né"), 2]) == "né"
    assert specials_of(shifted) == (0, 1, 2, 3)


@pytest.mark.parametrize(
    ("kind", "data"), [(CharTokenizer, {"vocabulary": "ab", "specials": 1}), (ByteTokenizer, {"specials": "yes"})]
)
def test_specials_are_there_or_not(kind, data):
    with pytest.raises(CheckpointError, match="a tokenizer has specials or not"):
        kind.from_json(data)
