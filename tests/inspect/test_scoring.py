"""Scores of many texts: values by hand, sums that equal those of one text, words, pairs and intervals."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.inspect.conftest import odd_model

from seqshell.core.errors import RecipeError, UsageError, VocabularyError
from seqshell.core.subword_tokenizers import WordTokenizer
from seqshell.core.tokenizers import ByteTokenizer, CharTokenizer
from seqshell.inspect import scoring
from seqshell.inspect.intervals import wilson
from seqshell.inspect.score_parts import Scorer, pairs_of, scored_pairs, sentences_of, side_of_space
from seqshell.inspect.scoring import fresh
from seqshell.inspect.text_words import text_words
from seqshell.session import Session
from seqshell.testing import tiny_model

VOCABULARY = "\n abcdefgh"
AFTER_A = {"b": 1 / 2, "c": 1 / 4, " ": 1 / 4}


class Bigram:
    """After a: b with 1/2, c and a space with 1/4 each; after anything else all ten characters with 1/10."""

    def __init__(self):
        self.table = np.zeros((len(VOCABULARY), len(VOCABULARY)), np.float32)
        self.table[VOCABULARY.index("a")] = [math.log(AFTER_A.get(each, 1e-30)) for each in VOCABULARY]

    def initial_state(self, batch_size=1):
        return np.zeros((batch_size, 1), np.float32)

    def step(self, inputs, state):
        return self.table[inputs], state

    def feed(self, inputs, state):
        return self.step(inputs[:, -1], state)


@pytest.fixture
def bigram():
    """A session on a model whose probabilities can be computed by hand."""
    return Session(replace(tiny_model(), name="bigram", decoder=Bigram(), fingerprint="bigram"))


def scored(session, *texts, **how):
    scorer = Scorer(session, sentences_of(session, texts, "error", ""), **how)
    return [part for step in scorer.steps() for part in step], scorer


class ManySteps(Bigram):
    """The same, which reads many tokens at once, and never one."""

    def step(self, inputs, state):
        raise AssertionError

    def outputs_of_steps(self, inputs, state):
        return self.table[inputs], state + inputs.shape[1]


@pytest.mark.parametrize("length", [1, 4, 5, 8, 9, 30])
def test_a_decoder_that_reads_many_steps_is_asked_for_chunks(bigram, monkeypatch, length):
    monkeypatch.setattr(scoring, "CHUNK", 4)
    text = ("ab ac" * 6)[:length]
    model = replace(bigram.model, decoder=ManySteps(), fingerprint="many")
    (parts, scorer), (expected, other) = (scored(each, text, is_fresh=False) for each in (Session(model), bigram))
    assert parts == expected
    assert scorer.num_read == other.num_read == length


def test_the_surprisals_and_entropies_are_those_computed_by_hand(bigram):
    """The first token comes from a uniform distribution."""
    parts, scorer = scored(bigram, "ab ac")

    expected = [(10, math.log2(10)), (2, 1.5), (10, math.log2(10)), (10, math.log2(10)), (4, 1.5)]
    assert [(part.sentence, part.number, part.text) for part in parts] == [
        (1, number, text) for number, text in enumerate("ab ac", 1)
    ]
    assert [(part.surprisal, part.entropy) for part in parts] == [
        pytest.approx((math.log(odds), bits * math.log(2))) for odds, bits in expected
    ]
    assert scorer.totals().surprisal == pytest.approx(math.log(10 * 2 * 10 * 10 * 4))
    words, _ = scored(bigram, "ab ac", by="word")
    assert [(word.text, word.surprisal) for word in words] == [
        ("ab", pytest.approx(math.log(10 * 2))),
        ("ac", pytest.approx(math.log(10 * 10 * 4))),
    ]
    words, _ = scored(bigram, "ab ac", by="word", space="after")
    assert [word.surprisal for word in words] == pytest.approx([math.log(200), math.log(40)])


def test_the_sum_of_a_text_is_that_of_its_score_bit_for_bit(tiny, odd):
    for session in (tiny, odd):
        text = "the cab\n" * 100
        text = "".join(character for character in text if character in VOCABULARY)
        whole = session.score(text)
        parts, scorer = scored(session, text, is_fresh=False)

        assert scorer.totals().surprisal == -whole.log_prob
        assert [part.surprisal for part in parts] == [-token.log_prob for token in whole.tokens]
        assert [part.entropy for part in parts] == pytest.approx([token.entropy for token in whole.tokens])
        measures = scorer.totals().as_json()
        assert [measures[name] for name in ("nats", "bits_per_char", "perplexity")] == pytest.approx(
            [whole.nats, whole.bits_per_char, whole.perplexity], rel=1e-15
        )


@pytest.mark.parametrize("model", [tiny_model, odd_model])
def test_sentences_in_batches_are_scored_as_alone_and_come_in_order(model):
    """Of different lengths, in more than one batch; the odd model's cache grows."""
    session = Session(model())
    texts = [("abcdefgh" * 3)[start : start + 1 + 5 * start % 17] for start in range(9)] * 9
    texts[3] = ""
    parts, scorer = scored(session, *texts)

    assert [(part.sentence, part.number) for part in parts] == [
        (number, place) for number, text in enumerate(texts, 1) for place in range(1, len(text) + 1)
    ]
    assert scorer.empty == (4,)
    assert scorer.num_scored == len(texts)
    for number in (1, 9, 50):
        alone = Session(model()).score(texts[number - 1])
        found = [part.surprisal for part in parts if part.sentence == number]
        assert found == pytest.approx([-token.log_prob for token in alone.tokens], abs=1e-5)


def test_an_interrupt_keeps_the_whole_sentences_before_it(tiny):
    cursor = tiny.behaviour.cursor
    steps = fresh(cursor, [[1, 2, 3]] * 300)
    whole = []
    for step in steps:
        if not isinstance(step, int):
            whole.append(step.text)
            cursor.interrupted = True
    assert whole == list(range(256))


def test_several_threads_measure_the_same_to_the_last_bit(tiny, monkeypatch):
    texts = [[1 + number % 5] * (1 + number % 7) for number in range(300)]
    found = []
    for count in (1, 3):
        monkeypatch.setattr("seqshell.inspect.scoring.num_threads", lambda *parts, count=count: count)
        found.append([step for step in fresh(tiny.behaviour.cursor, texts) if not isinstance(step, int)])
    for one, other in zip(*found, strict=True):
        assert one.text == other.text
        np.testing.assert_array_equal(one.surprisals, other.surprisals)
        np.testing.assert_array_equal(one.entropies, other.entropies)


def test_scoring_moves_nothing(tiny, unmoved):
    before = unmoved(tiny)
    scored(tiny, "abc", "de")
    scored(tiny, "abc", is_fresh=False, by="word")
    assert unmoved(tiny) == before


TEXTS = st.text("ab \n\t", max_size=30)


@given(TEXTS, st.sampled_from(["before", "after"]))
def test_words_have_all_tokens_once_and_are_what_white_space_divides(text, space):
    tokenizer = CharTokenizer("\t\n ab")
    ids = tokenizer.encode(text)
    words = text_words(text, ids, tokenizer, space)

    assert [word.text for word in words] == (text.split() or [text] * bool(text))
    assert [place for word in words for place in range(word.start, word.end)] == list(range(len(ids)))
    for word in words[1:]:
        assert text[word.start].isspace() == (space == "before")


@given(TEXTS, st.sampled_from(["before", "after"]))
def test_the_sums_of_words_are_those_of_their_tokens(text, space):
    if not text:
        return
    session = SUMS
    sentence = "".join({"\t": "c"}.get(character, character) for character in text)
    tokens, of_tokens = scored(session, sentence)
    words, of_words = scored(session, sentence, by="word", space=space)

    assert of_words.totals() == of_tokens.totals()
    assert math.fsum(word.surprisal for word in words) == pytest.approx(of_tokens.totals().surprisal, rel=1e-14)
    assert sum(word.num_tokens for word in words) == len(tokens)


SUMS = Session(tiny_model())


def test_words_of_bytes_and_of_subwords_have_the_characters_of_the_text():
    tokenizer = ByteTokenizer()
    text = "né été"
    words = text_words(text, tokenizer.encode(text), tokenizer, "before")
    assert [(word.text, word.end - word.start) for word in words] == [("né", 3), ("été", 6)]

    tokenizer = WordTokenizer.train(["the dog, the cat"])
    text = "The dog, barks"  # two unknown words
    words = text_words(text, tokenizer.encode(text), tokenizer, "before")
    assert [(word.text, word.end - word.start) for word in words] == [("The", 1), ("dog,", 2), ("barks", 1)]


def test_the_space_within_tokens_decides_the_side():
    tokenizer = WordTokenizer.train(["the dog"])
    assert side_of_space(tokenizer, "m", "") == side_of_space(tokenizer, "m", "before") == "before"
    assert side_of_space(CharTokenizer(" a"), "m", "") == "before"
    assert side_of_space(CharTokenizer(" a"), "m", "after") == "after"
    with pytest.raises(UsageError, match=r"tokens of m include the space before a word, so .* the word before it"):
        side_of_space(tokenizer, "m", "after")


def test_a_character_of_several_tokens_belongs_to_the_last_of_them():
    session = Session(replace(tiny_model(), tokenizer=ByteTokenizer(), decoder=Uniform()))
    parts, _ = scored(session, "né")
    assert [(part.text, list(part.piece)) for part in parts] == [("n", [110]), ("", [195]), ("é", [169])]


class Uniform:
    def initial_state(self, batch_size=1):
        return np.zeros((batch_size, 1), np.float32)

    def step(self, inputs, state):
        return np.zeros((len(inputs), 256), np.float32), state

    def feed(self, inputs, state):
        return self.step(inputs[:, -1], state)


# Pairs


def test_the_first_of_a_pair_is_compared_with_the_second(bigram):
    texts = ["ab", "ad", "ad", "ab", "ab", "ab", "ab", "ac"]
    pairs = [
        step for step in scored_pairs(bigram, sentences_of(bigram, texts, "error", "")) if not isinstance(step, int)
    ]
    assert [(pair.first, pair.second, round(pair.difference, 6)) for pair in pairs] == [
        ("ab", "ad", pytest.approx(69.08, abs=1)),
        ("ad", "ab", pytest.approx(-69.08, abs=1)),
        ("ab", "ab", 0),
        ("ab", "ac", pytest.approx(math.log(2), abs=1e-6)),
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pairs.tsv", "I am\tI is\nyou are\tyou is\n"),
        ("pairs.csv", 'good,bad\nI am,I is\n"you are",you is\n'),
        ("more.csv", "UID,sentence_bad,sentence_good\n1,I is,I am\n2,you is,you are\n"),
        ("blimp.jsonl", '{"sentence_good": "I am", "sentence_bad": "I is", "UID": "x"}\n'
         '{"sentence_good": "you are", "sentence_bad": "you is"}\n'),
        ("-", '{"sentence_good": "I am", "sentence_bad": "I is"}\n'
         '{"sentence_good": "you are", "sentence_bad": "you is"}\n'),
    ],
)  # fmt: skip
def test_pairs_are_read_from_tables_and_from_blimp(name, text):
    pairs, _, notes = pairs_of(name, text)
    assert pairs == [("I am", "I is"), ("you are", "you is")]
    assert notes == ()


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "a.txt",
            "I am\nyou are\n",
            "a.txt has 1 column; --pairs needs two columns, or sentence_good and sentence_bad",
        ),
        ("a.csv", "x,y,z\n1,2,a b\n", "a.csv has 3 columns: x, y, z; --pairs needs two columns"),
        ("a.jsonl", '{"good": "a"}\n', "a.jsonl has 1 column: good; --pairs needs two"),
        ("a.jsonl", '{"sentence_good": "a"}\n', "a.jsonl has 1 column: sentence_good; --pairs needs two"),
        (
            "a.jsonl",
            '{"sentence_good": "a", "sentence_bad": "b"}\n{"sentence_good": "a"}\n',
            "a.jsonl, row 2, column sentence_bad: there is no sentence",
        ),
        ("a.jsonl", '{"sentence_good": \n', "a.jsonl: not JSON"),
        ("a.tsv", "", "a.tsv has no rows"),
    ],
)
def test_what_holds_no_pairs_is_refused(name, text, message):
    with pytest.raises((UsageError, RecipeError)) as raised:
        pairs_of(name, text)
    assert raised.value.message.startswith(message)


def test_wilsons_interval_has_the_published_values():
    """Newcombe 1998, table I, method 3 (https://doi.org/10.1002/(SICI)1097-0258(19980430)17:8<857::AID-SIM777>3.0.CO;2-E)."""
    published = {
        (81, 263): (0.2553, 0.3662),
        (15, 148): (0.0624, 0.1605),
        (0, 20): (0, 0.1611),
        (1, 29): (0.0061, 0.1718),
    }
    for (successes, trials), interval in published.items():
        assert wilson(successes, trials) == pytest.approx(interval, abs=5e-5)
    assert wilson(20, 20) == pytest.approx((1 - 0.1611, 1), abs=5e-5)


def test_an_error_names_the_line(tiny):
    for texts, places, are_lines, start in (
        (["ab", "a?"], "x.txt", True, "x.txt, line 2: tiny"),
        (["ab", "a?"], "", True, "line 2: tiny"),
        (["ab\na?"], "x.txt", False, "x.txt, line 2: tiny"),
        (["ab\na?"], "", False, "tiny's vocabulary"),
        (["ab", "a?"], ["row 1, column a", "row 1, column b"], False, "row 1, column b: tiny"),
    ):
        with pytest.raises(VocabularyError) as raised:
            sentences_of(tiny, texts, "error", places, are_lines=are_lines)
        assert raised.value.message.startswith(start)
    assert [sentence.text for sentence in sentences_of(tiny, ["a?b"], "skip", "")] == ["ab"]
