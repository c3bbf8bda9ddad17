"""Interventions in classifiers, forecasters and translation models."""

from __future__ import annotations

from tests.session.interventions import STRATEGIES, clamp, turn

from seqshell.core.events import Label
from seqshell.session import Session
from seqshell.testing import tiny_classification_model, tiny_forecast_model, tiny_translation_model


def test_a_classifier_labels_texts_one_by_one_as_it_labels_lines():
    session = Session(tiny_classification_model())

    def labelled():
        events = session.behaviour.classify_lines(["ab", "b"], {"unknown": "error"})
        return [event.probs for event in events if isinstance(event, Label)]

    plain = labelled()
    session.intervene((clamp(2, 1.5),))
    assert labelled() == [session.classify(text).probs for text in ("ab", "b")]
    assert labelled() != plain


def test_a_forecast_follows_it():
    session = Session(tiny_forecast_model())
    session.observe([1.0, 2.0, 3.0])
    position = session.mark()
    session.observe([4.0])
    before = session.forecast(1).values.tolist()
    session.return_to(position)
    assert session.intervene((clamp(2, 1.5),)).is_stale  # the model cannot compute the outputs of a state
    session.observe([4.0])
    assert session.forecast(1).values.tolist() != before


def test_a_translation_follows_a_clamp_that_began_before_it_and_one_that_began_after_it():
    session = Session(tiny_translation_model(), strategies=STRATEGIES)
    words = "the cat"
    session.begin_turn()
    list(session.translate(words, 5, strategy="greedy"))
    plain = session.ids()
    turn(session, clamp(1, 3))
    session.begin_turn()
    list(session.regenerate(1))
    changed = session.ids()
    assert session.here.state.hidden[0, 1] == 3
    session.begin_turn()
    list(session.translate(words, 5, strategy="greedy"))
    assert session.ids() == changed != plain
    session.rewind(0)
    assert session.here.state.hidden[0, 1] == 3
    assert session.attention().weights.shape[0] == 0
