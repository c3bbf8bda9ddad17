"""The labels of a text while it is typed, beside a session."""

from __future__ import annotations

import pytest

from seqshell.session import Session
from seqshell.session.tasks.incremental_labels import IncrementalLabels
from seqshell.testing import tiny_classification_model


def never():
    return False


def test_labels_are_those_of_the_whole_text_and_the_session_does_not_move():
    session = Session(tiny_classification_model())
    reader = IncrementalLabels(session.behaviour)
    for text in ("a", "ab", "abc", "ab", "", "hab", "hab g"):
        probs = reader.read(text, never)
        assert session.position == 0
        assert probs == (Session(session.model).classify(text).probs if text else ())


def test_only_new_tokens_are_read(monkeypatch):
    model = tiny_classification_model()
    step, read = model.decoder.step, []
    monkeypatch.setattr(model.decoder, "step", lambda inputs, state: read.append(int(inputs[0])) or step(inputs, state))
    reader = IncrementalLabels(Session(model).behaviour)
    for text in ("abc", "abcd", "abc", "abx"):
        reader.read(text, never)

    ids = model.tokenizer.encode
    assert read == [*ids("abc"), *ids("d"), model.tokenizer.unk]


@pytest.mark.parametrize("text", ["\u4e00", "a" * 3000], ids=["unknown", "long"])
def test_unknown_and_long_texts_have_no_labels(text):
    assert IncrementalLabels(Session(tiny_classification_model()).behaviour).read(text, never) == ()


def test_reading_ends_when_it_is_stopped():
    assert IncrementalLabels(Session(tiny_classification_model()).behaviour).read("abc", lambda: True) is None
