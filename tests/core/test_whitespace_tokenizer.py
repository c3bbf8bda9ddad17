"""The whitespace tokenizer: the words of a marked text, as papers count them."""

from __future__ import annotations

import json

import pytest

from seqshell.core.errors import CheckpointError, VocabularyError
from seqshell.core.whitespace_tokenizer import WhitespaceTokenizer

TEXT = " = Roads = \n \n The <unk> of the north @-@ west road counted 1 @,@ 204 steps , caf\u00e9 . \n"


def tokens(tokenizer, text):
    return [tokenizer.tokens[token] for token in tokenizer.encode(text)]


def joined(tokenizer, text):
    return b"".join(map(tokenizer.piece, tokenizer.encode(text))).decode()


@pytest.fixture(scope="module")
def tokenizer():
    return WhitespaceTokenizer.train([TEXT])


def test_each_mark_is_one_token_and_each_line_has_one_more(tokenizer):
    assert len(tokenizer.encode(TEXT)) == len(TEXT.split()) + 3
    assert tokens(tokenizer, " north @-@ west \n 1 @,@ 204 \n") == [
        "north",
        "@-@",
        "west",
        "\n",
        "1",
        "@,@",
        "204",
        "\n",
    ]


def test_the_unk_of_the_file_is_the_unk_of_the_tokenizer(tokenizer):
    assert tokenizer.tokens[0] == "<unk>"
    assert tokenizer.unk == 0
    assert tokenizer.encode("The <unk> zebra") == [tokenizer.ids["The"], 0, 0]
    assert tokenizer.size == len({*TEXT.split(), "\n"})


@pytest.mark.parametrize("text", [TEXT, " a b \n c <unk> \n", " a b\n c\n", " a", ""])
def test_a_text_with_one_space_before_each_word_is_restored(text):
    assert joined(WhitespaceTokenizer.train([text or "x"]), text) == text


def test_runs_of_spaces_and_beginnings_of_lines_become_one_space():
    text = "a  b\n\tc\u00a0d\n"

    assert joined(WhitespaceTokenizer.train([text]), text) == " a b\n c\u00a0d\n"


def test_without_ends_of_lines_a_text_has_as_many_tokens_as_words():
    tokenizer = WhitespaceTokenizer.train([TEXT], end_of_line=False)

    assert len(tokenizer.encode(TEXT)) == len(TEXT.split())
    assert joined(tokenizer, " The\n road") == " The road"
    assert tokenizer.size == len(set(TEXT.split()))


def test_the_most_frequent_words_are_kept():
    tokenizer = WhitespaceTokenizer.train(["b a a c a b <unk>\n"], min_freq=2)

    assert tokenizer.tokens == ("<unk>", "\n", "a", "b")
    assert WhitespaceTokenizer.train(["c b a a c a b\n"], vocab_size=6, specials=True).tokens[4:] == ("\n", "a")


def test_words_that_look_like_special_tokens_are_not_special():
    tokenizer = WhitespaceTokenizer.train(["a <eos> <pad> b"], specials=True)

    assert (tokenizer.pad, tokenizer.bos, tokenizer.eos, tokenizer.unk) == (0, 1, 2, 3)
    assert tokenizer.encode("a <eos> <pad> b") == [tokenizer.ids["a"], 3, 3, tokenizer.ids["b"]]


def test_an_unknown_word_is_read_in_the_spelling_of_the_vocabulary():
    tokenizer = WhitespaceTokenizer.train(["it 's a caf\u00e9"])

    assert tokens(tokenizer, "it \u2019s cafe\u0301") == ["it", "'s", "caf\u00e9"]


def test_aligned_gives_each_word_with_the_space_before_it(tokenizer):
    text = "The  zebra \nroad"

    assert [(tokenizer.tokens[token], text[start:end]) for token, start, end in tokenizer.aligned(text)] == [
        ("The", "The"),
        ("<unk>", " zebra"),
        ("\n", " \n"),
        ("road", "road"),
    ]


def test_a_text_of_unknown_words_is_refused_unless_it_writes_unk(tokenizer):
    with pytest.raises(VocabularyError, match="no part of 'zebra xylophone'") as error:
        tokenizer.encode("zebra xylophone")

    assert error.value.positions == tuple(index for index in range(15) if index != 5)
    assert tokenizer.encode("<unk> ,") == [0, tokenizer.ids[","]]


def test_the_tokenizer_is_unchanged_by_json(tokenizer):
    again = WhitespaceTokenizer.from_json(json.loads(json.dumps(tokenizer.to_json())))

    assert (again.tokens, again.line_end) == (tokenizer.tokens, " \n")
    assert joined(again, TEXT) == TEXT


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"line_end": "x"}, "line_end does not fit"),
        ({"line_end": ""}, "line_end does not fit"),
        ({"line_end": None}, "line_end does not fit"),
        ({"tokens": ["<unk>", "\n", "two words"]}, "'two words', which contains a space"),
        ({"tokens": ["a", "\n"]}, "must differ and begin with"),
    ],
)
def test_an_invalid_vocabulary_is_refused(tokenizer, change, message):
    with pytest.raises(CheckpointError, match=message):
        WhitespaceTokenizer.from_json({**tokenizer.to_json(), **change})
