"""A session: reading, draws, and inspection without changing it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from seqshell import Task, UsageError, VocabularyError
from seqshell.core.events import Text
from seqshell.core.tokenizers import ByteTokenizer
from seqshell.session import Session
from seqshell.testing import tiny_model

# Reading


def test_in_a_new_session_all_tokens_are_equally_likely(session):
    assert (session.position, session.branch, session.seed, session.retry, session.text()) == (
        0,
        "main",
        0,
        0,
        Text(""),
    )
    assert [token.log_prob for token in session.top(10).tokens] == pytest.approx([-math.log(10)] * 10)


def test_feeding_gives_the_state_of_the_decoder(session):
    assert session.feed("abc") == 3

    ids = session.model.tokenizer.encode("abc")
    outputs, state = session.model.decoder.feed(np.array([ids]), session.model.decoder.initial_state(1))
    assert session.ids() == ids
    assert session.here.state.tolist() == state.tolist()
    assert session.here.outputs.tolist() == outputs.tolist()


def test_an_empty_message_is_answered_without_reading(session, joined):
    session.feed("ab")
    state = session.here

    assert session.feed("") == 0
    assert session.here is state
    assert len(joined(session.respond("", 5))) == 5


def test_unknown_characters_change_nothing_or_are_left_out(session):
    session.feed("ab")
    before = session.here
    with pytest.raises(VocabularyError) as caught:
        session.feed("aXbY")

    assert caught.value.positions == (1, 3)
    assert session.here is before
    assert session.feed("aXbY", unknown="skip") == 2
    assert session.text().text == "abab"


def test_respond_reads_nothing_if_its_text_or_options_are_invalid(session):
    with pytest.raises(VocabularyError):
        session.respond("X", 3)
    with pytest.raises(UsageError, match="1 to 1,000,000"):
        session.respond("abc", 0)

    assert session.position == 0


def test_token_ids_are_checked(session):
    assert session.feed_ids([1, 2]) == 2
    with pytest.raises(UsageError, match="0 to 9"):
        session.feed_ids([1, 10])
    with pytest.raises(UsageError, match="0 to 9"):
        session.feed_ids([-1])


def test_an_interrupted_feed_keeps_the_chunks_that_were_read(session):
    decoder, feed = session.model.decoder, session.model.decoder.feed

    def interrupting(inputs, state):
        session.interrupt()
        return feed(inputs, state)

    decoder.feed = interrupting
    session = Session(session.model)

    assert session.feed("abc" * 30) == 32
    assert session.position == 32
    assert session.feed("abc") == 3


def test_a_model_that_reads_whole_texts_cannot_feed_or_generate():
    session = Session(replace(tiny_model(), causal=False, task=Task.CLASSIFY))

    with pytest.raises(UsageError, match="tiny labels whole texts and cannot read a text without answering it"):
        session.feed("abc")
    with pytest.raises(UsageError, match="tiny labels whole texts and cannot generate text"):
        session.generate(3)


# The draws


def test_another_seed_keeps_the_state_and_changes_the_draws(session, new_session, joined):
    session.feed("abc")
    state = session.here
    session.set_seed(5)

    assert session.here is state
    assert (session.seed, session.retry) == (5, 0)
    assert joined(session.generate(12)) == joined(new_session(seed=5).respond("abc", 12))
    with pytest.raises(UsageError, match="the seed must be 0 to"):
        session.set_seed(-1)


def test_setting_the_seed_returns_to_the_first_draw(session):
    list(session.respond("abc", 4))
    list(session.regenerate(1, 4))
    session.set_seed(0)

    assert session.retry == 0


# Looking


def test_the_text_marks_what_the_user_wrote(session, joined):
    first = joined(session.respond("abc", 4))
    session.feed("de")
    session.feed("f")

    assert session.text() == Text(f"abc{first}def", ((0, 3), (7, 10)))


def test_top_shows_log_probabilities_of_the_model_and_after_the_chain(session, scaled):
    session.feed("abc")
    session.chain = (scaled(0.5),)
    top = session.top(4).tokens
    logits = session.here.outputs[0].astype(float)

    assert [token.log_prob for token in top] == sorted((token.log_prob for token in top), reverse=True)
    for token in top:
        assert token.text == session.model.tokenizer.vocabulary[token.id]
        assert token.log_prob == pytest.approx(logits[token.id] - np.log(np.exp(logits).sum()))
        assert token.chain_log_prob == pytest.approx(2 * logits[token.id] - np.log(np.exp(2 * logits).sum()))
    assert len(session.top(100).tokens) == 10


def test_a_score_is_the_log_probability_of_continuing_with_a_text(session, ends):
    session.feed("abc")
    before = session.here
    score = session.score("dead")
    finished = ends(session.generate(6))[0]
    session.undo_tokens(6)

    assert session.here.node == before.node
    assert score.log_prob == pytest.approx(sum(token.log_prob for token in score.tokens))
    assert score.nats == pytest.approx(-score.log_prob / 4)
    assert score.perplexity == pytest.approx(math.exp(score.nats))
    assert score.bits_per_char == pytest.approx(score.nats / math.log(2))
    assert session.score(finished.answer).log_prob == pytest.approx(finished.log_prob)
    for token in score.tokens:
        better = [text for text, log_prob in token.most_likely if log_prob > token.log_prob]
        assert len(token.most_likely) == 5
        assert len(better) == min(token.rank, 5)
    with pytest.raises(UsageError, match="cannot score an empty text"):
        session.score("")


def test_a_score_of_bytes_has_bits_per_character():
    session = Session(tiny_model(tokenizer=ByteTokenizer()))
    score = session.score("é")

    assert [token.text for token in score.tokens] == ["", "é"]
    assert score.bits_per_char == pytest.approx(-score.log_prob / math.log(2))


def test_the_state_is_described_as_text(session):
    session.feed("abc")
    described = session.describe()

    assert described["position"] == 3
    assert described["branch"] == "main"
    assert described["size"] == "32 bytes"
    assert described["state"] == f"8 float32, norm {np.linalg.norm(session.here.state.astype(float)):.4g}"
    assert described["snapshots"] == "2 kept, 2 whole, 0.0 of 256 MB"
    assert described["going back"] == "at once"
    session.snapshot_mb = 0
    session.feed("d" * 90)
    assert described["going back"] != session.describe()["going back"]
