"""The tokenizer of a list of tokens in another program's order."""

from __future__ import annotations

import json

import pytest

from seqshell import ByteTokenizer, CharTokenizer, CheckpointError, ListTokenizer, VocabularyError, tokenizer_of
from seqshell.testing import check_tokenizer, failed

WIKI = ["=", "Homarus", "<unk>", "<eos>", "the", ",", "n't", "café", '"']


def text_of(tokenizer: ListTokenizer, ids: list[int]) -> str:
    return b"".join(map(tokenizer.piece, ids)).decode()


def again(tokenizer: ListTokenizer) -> ListTokenizer:
    return ListTokenizer.from_json(json.loads(json.dumps(tokenizer.to_json())))


def test_the_tokenizer_passes_all_checks() -> None:
    assert failed(check_tokenizer(ListTokenizer)) == []


def test_words_are_read_with_unk_and_the_end_of_lines_anywhere_in_the_list() -> None:
    tokenizer = tokenizer_of(WIKI, ends_lines=True)
    assert isinstance(tokenizer, ListTokenizer)
    assert (tokenizer.unit, tokenizer.unk, tokenizer.line_end, tokenizer.eos) == ("words", 2, 3, None)
    ids = tokenizer.encode("the Homarus, zebra\n= \u201ccafe\u0301\u201d n\u2019t the")
    assert ids == [4, 1, 5, 2, 3, 0, 8, 7, 8, 6, 4]
    assert text_of(tokenizer, ids) == ' the Homarus , <unk>\n = " café " n\'t the'
    assert again(tokenizer).encode("the Homarus\n") == [4, 1, 3]


def test_each_token_knows_its_range_with_the_space_before_it() -> None:
    tokenizer = tokenizer_of(WIKI)
    assert tokenizer.eos == 3  # of a sequence, not of a line
    assert tokenizer.aligned("the Homarus, xyz the") == [
        (4, 0, 3),
        (1, 4, 11),
        (5, 11, 12),
        (2, 12, 16),
        (4, 16, 20),
    ]


def test_text_without_a_known_letter_is_refused() -> None:
    with pytest.raises(VocabularyError, match="no part of 'xyz'"):
        tokenizer_of(WIKI).encode("xyz ,")
    assert tokenizer_of(WIKI).encode("...") == [2]


def test_without_unk_each_unknown_word_is_named_with_its_place() -> None:
    tokenizer = tokenizer_of(["the", "cat", "sat", "a"])
    with pytest.raises(VocabularyError, match="the model's vocabulary has no 'dog'; it has 4 words") as raised:
        tokenizer.encode("the dog sat")
    assert raised.value.positions == (3, 4, 5, 6)


def test_characters_and_longer_tokens_are_read_longest_first() -> None:
    tokenizer = tokenizer_of(["", "a", "b", "ab", "c", "<unk>", "é", "A"])
    assert isinstance(tokenizer, ListTokenizer)
    assert (tokenizer.unit, tokenizer.pad, tokenizer.unk) == ("characters", 0, 5)
    assert tokenizer.encode("aabcxe\u0301A") == [1, 3, 4, 5, 6, 7]
    assert text_of(tokenizer, [0, 3, 5]) == "ab\ufffd"
    assert tokenizer.aligned("abe\u0301") == [(3, 0, 2), (6, 2, 4)]


def test_a_list_without_capital_letters_reads_lower_case() -> None:
    assert tokenizer_of(["<s>", "the", "cat", "<unk>"]).encode("The CAT") == [1, 2]
    assert tokenizer_of(["<s>", "a", "b", "i"]).encode("AbI") == [1, 2, 3]


def test_numbers_are_bytes() -> None:
    tokenizer = tokenizer_of([10, 0xC3, 0xA9, 97])
    assert isinstance(tokenizer, ListTokenizer)
    assert tokenizer.encode("aé\n") == [3, 1, 2, 0]
    assert tokenizer.aligned("aé") == [(3, 0, 1), (1, 1, 2), (2, 1, 2)]
    assert text_of(again(tokenizer), [3, 1, 2, 0]) == "aé\n"
    with pytest.raises(VocabularyError, match="no 'b'; it has 4 bytes"):
        tokenizer.encode("b")


def test_different_characters_make_a_char_tokenizer() -> None:
    tokenizer = tokenizer_of("cab")
    assert isinstance(tokenizer, CharTokenizer)
    assert tokenizer.vocabulary == "cab"
    assert not isinstance(tokenizer, ByteTokenizer)


def test_repeated_tokens_are_read_as_the_first_and_decoded_each() -> None:
    tokenizer = ListTokenizer(["a", "b", "a"], bos=1)
    assert tokenizer.encode("aa") == [0, 0]
    assert [tokenizer.piece(token) for token in range(3)] == [b"a", b"", b"a"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tokens": []}, "needs a list of tokens"),
        ({"tokens": [1]}, "needs a list of tokens"),
        ({"unit": "lines"}, "cannot have the unit 'lines'"),
        ({"unit": []}, "cannot have the unit"),
        ({"unit": "bytes", "tokens": ["ab"]}, "cannot have the unit 'bytes'"),
        ({"roles": {"unk": 3}}, "needs the ids of its special tokens"),
        ({"roles": {"unk": True}}, "needs the ids of its special tokens"),
    ],
)
def test_invalid_headers_are_refused(change: dict[str, object], message: str) -> None:
    data = {"tokens": ["a", "b"], "unit": "words", "roles": {}} | change
    with pytest.raises(CheckpointError, match=message):
        ListTokenizer.from_json(data)
