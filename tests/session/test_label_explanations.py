"""Labels are explained by the changes of their log-odds, token by token."""

import math

import numpy as np
import pytest
from tests.session.labels import logits

from seqshell.decoding.strategies import Sample
from seqshell.session import Session
from seqshell.session.attribution import log_odds
from seqshell.testing import tiny_classification_model


@pytest.fixture
def session(model):
    return Session(model, strategies={"sample": Sample})


def test_explanations_are_changes_of_the_log_odds(session, model):
    label = session.classify("abcdab", explain=True)
    odds = log_odds(logits(model, "abcdab"), model.labels.index(label.answer))

    assert [text for text, _ in label.moved] == list("abcdab")
    if model.causal:
        assert math.fsum(change for _, change in label.moved) == pytest.approx(
            odds + math.log(len(model.labels) - 1), abs=1e-5
        )
    else:
        for place, (_, change) in enumerate(label.moved):
            without = log_odds(
                logits(model, "abcdab"[:place] + "abcdab"[place + 1 :]), model.labels.index(label.answer)
            )
            assert change == pytest.approx(odds - without, abs=1e-5)


def test_explaining_does_not_move_the_session(session):
    label = session.classify("abcdab")
    here, position = session.here, session.position
    explained = session.label(explain=True)
    assert session.here is here
    assert session.position == position
    assert (explained.answer, explained.probs) == (label.answer, label.probs)
    (line, _) = session.behaviour.classify_lines(["abcdab"], {"unknown": "error"}, explain=True)
    assert line.moved == explained.moved
    assert session.here is here


def test_a_single_token_is_compared_with_equally_likely_labels(session, model):
    ((text, change),) = session.classify("a", explain=True).moved
    label = session.label()
    odds = math.log(label.probs[0][1] / (1 - label.probs[0][1]))
    assert text == "a"
    assert change == pytest.approx(odds + math.log(2), abs=1e-5)


def test_long_texts_are_explained_in_batches(monkeypatch):
    model = tiny_classification_model(causal=False)
    session = Session(model)
    text = "abcdefgh" * 20
    whole = session.classify(text, explain=True)
    monkeypatch.setattr("seqshell.session.attribution.MAX_ROWS", 7)
    parts = session.classify(text, explain=True)
    assert [change for _, change in parts.moved] == pytest.approx([change for _, change in whole.moved], abs=1e-5)


def test_log_odds_compare_one_label_with_all_others():
    row = np.log(np.array([0.7, 0.2, 0.1]))
    assert log_odds(row, 0) == pytest.approx(math.log(0.7 / 0.3))
    assert log_odds(np.array([1000.0, 0.0]), 0) == pytest.approx(1000)
    assert log_odds(np.array([1000.0, 0.0]), 1) == pytest.approx(-1000)
