"""The characters that a token stands for, and the features of these characters."""

import numpy as np
import pytest

from seqshell.core.errors import UsageError
from seqshell.core.subword_tokenizers import BPETokenizer, WordTokenizer
from seqshell.core.tokenizers import ByteTokenizer, CharTokenizer
from seqshell.inspect.text_features import columns_of, depths_of, labels
from seqshell.inspect.token_spans import token_spans
from seqshell.session.token_text import TokenText

TEXT = 'He said "yes, well" and\n(she) went.'


def spans_of(tokenizer, text):
    return token_spans(TokenText(tokenizer), tokenizer.encode(text))


def test_a_token_of_several_characters_is_inside_if_one_of_them_is():
    text = " " + TEXT.replace("\n", " ")
    tokenizer = BPETokenizer.train([text * 5], vocab_size=300)
    spans = spans_of(tokenizer, text)
    assert spans.text == text
    assert max(spans.ends - spans.starts) > 1
    start, end = text.index("yes"), text.rindex('"')
    expected = [begin < end and start < stop for begin, stop in zip(spans.starts, spans.ends, strict=True)]
    assert spans.inside([(start, end)]).tolist() == expected
    assert 0 < sum(expected) < len(expected)


def test_bytes_of_one_character_are_inside_together():
    spans = spans_of(ByteTokenizer(), "a\u20acb")
    assert spans.text == "a\u20acb"
    assert spans.inside([(1, 2)]).tolist() == [False, True, True, True, False]


def test_a_character_that_is_cut_off_still_counts():
    spans = token_spans(TokenText(ByteTokenizer()), list("\u20ac".encode())[:2])
    assert (spans.text, spans.inside([(0, 1)]).tolist()) == ("\ufffd", [True, True])


def test_words_have_the_text_that_the_model_reads():
    spans = spans_of(WordTokenizer.train(["yes and no"], specials=True), "yes and maybe")
    assert [spans.text[start:end].strip() for start, end in zip(spans.starts, spans.ends, strict=True)] == [
        "yes",
        "and",
        "<unk>",
    ]


def test_columns_begin_at_each_line_and_depths_end_at_a_closing_mark_or_an_empty_line():
    assert columns_of("ab\n\nc").tolist() == [0, 1, 2, 0, 0]
    assert depths_of('a(b"c)"').tolist() == [0, 1, 1, 2, 2, 0, 1]
    assert depths_of('"a\n\nb').tolist() == [1, 1, 1, 0, 0]
    assert depths_of("\u201ca\u201d)").tolist() == [1, 1, 0, 0]


def test_a_feature_labels_tokens_by_their_last_character():
    spans = spans_of(CharTokenizer("".join(sorted(set(TEXT)))), TEXT)
    inside, about = labels("depth", spans)
    assert "".join(np.array(list(TEXT))[inside]) == '"yes, well(she'
    assert about == "place inside brackets or quotation marks"
    inside, about = labels("line-start", spans)
    assert "".join(np.array(list(TEXT))[inside]) == "H("
    inside, about = labels("position", spans)
    middle = int(np.median(columns_of(TEXT)))
    assert about == f"position in the line of at least {middle}"
    assert inside.tolist() == (columns_of(TEXT) >= middle).tolist()


def test_a_feature_that_no_token_has_or_every_token_is_refused():
    plain = spans_of(CharTokenizer("ab\n"), "ab")
    with pytest.raises(UsageError, match="no token of the text has a place inside brackets or quotation marks"):
        labels("depth", plain)
    with pytest.raises(UsageError, match="every token of the text has a place at the start of a line"):
        labels("line-start", spans_of(CharTokenizer("\n"), "\n\n"))
