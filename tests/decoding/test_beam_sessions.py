"""Beam search in a session: continuing from its answer, undo and rewind, and errors."""

from __future__ import annotations

import numpy as np
import pytest

from seqshell.core.errors import UsageError
from seqshell.core.sampling import Request, Stop
from seqshell.decoding.beam import Beam
from seqshell.decoding.strategies import Greedy
from seqshell.session import Session
from seqshell.testing.tiny_language_model import tiny_model


def beam_session(**options):
    return Session(tiny_model(), strategies={"beam": Beam, "greedy": Greedy}, **options)


def test_a_session_continues_from_the_best_answer(language_batch, best_answers):
    session = beam_session()
    *tokens, finished = session.respond("abc", 12, strategy="beam")
    start = language_batch(session.model.tokenizer.encode("abc"))
    (found,) = best_answers(Beam(), start, Request(Stop(12)), session.model.decoder)
    fed = beam_session()
    fed.feed("abc")
    for token in tokens:
        fed.feed_ids([token.id])

    assert tuple(token.id for token in tokens) == found[0].ids
    assert finished.log_prob == pytest.approx(found[0].log_prob, abs=1e-5)
    np.testing.assert_allclose(session.here.state, fed.here.state, atol=1e-6)
    np.testing.assert_allclose(session.here.outputs, fed.here.outputs, atol=1e-5)


def test_undo_redo_and_rewind_work_after_a_beam_search():
    session = beam_session(snapshot_mb=0)
    list(session.respond("abc", 12, strategy="beam"))
    end, text = session.here.state, session.text().text
    session.rewind(7)
    middle = session.here.state
    session.redo()
    assert session.here.state is end
    session.begin_turn()
    list(session.generate(5, strategy="greedy"))
    session.undo()
    assert session.text().text == text
    assert session.here.state is end
    session.undo()
    assert session.position == 0
    session.redo()
    assert session.text().text == text
    session.rewind(7)
    np.testing.assert_array_equal(session.here.state, middle)


def test_a_beam_of_width_1_equals_greedy_in_a_session():
    texts = []
    for strategy in (Beam(1), Greedy()):
        session = beam_session()
        texts.append("".join(token.text for token in list(session.respond("abc", 30, strategy=strategy))[:-1]))
    assert texts[0] == texts[1]


def test_a_session_refuses_a_beam_wider_than_the_vocabulary():
    session = beam_session()
    session.feed("abc")
    with pytest.raises(UsageError, match="wider than the vocabulary of 10 tokens"):
        list(session.generate(3, strategy=Beam(50)))
    assert session.position == 3
