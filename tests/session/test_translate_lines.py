"""Translating lines: one result per line, in their order, as if translated alone; the session does not move."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from seqshell import UNK, UsageError
from seqshell.core.errors import PluginError
from seqshell.core.events import Progress, Translation
from seqshell.decoding.beam import Beam
from seqshell.decoding.strategies import Greedy, Sample
from seqshell.session import Session
from seqshell.session.tasks import translate_lines as module
from seqshell.session.tasks.translate_lines import Failed
from seqshell.testing import tiny_model, tiny_translation_model
from seqshell.testing.tiny_translator import TinyTranslator

MODEL = tiny_translation_model()
SETTINGS = {"max_tokens": 8, "stop": (), "unknown": "error", "nbest": 1}
LINES = [
    "the dog",
    "",
    "i love you",
    "  ",
    "i see the cat and Schmidt .",
    "the cat",
    "i love the dog",
    "you love the cat",
]


def new_session(strategy=None, model=MODEL):
    session = Session(model)
    session.strategy = strategy or Greedy()
    return session


def translate_lines(session, lines, settings, prefix=""):
    return session.behaviour.translate_lines(lines, settings, prefix)


def results(events):
    return [event for event in events if not isinstance(event, Progress)]


def alone(session, line, **options):
    *_, finished = session.translate(line, 8, **options)
    return finished


@pytest.mark.parametrize("strategy", [Greedy(), Sample(), Beam(3)])
def test_every_line_is_translated_as_it_is_alone_and_nothing_moves(strategy):
    session = new_session(strategy)
    list(session.translate("the dog", 4))
    here, found = session.here, results(translate_lines(session, LINES, SETTINGS))

    assert session.here is here
    assert [(each.item, each.source) for each in found] == list(enumerate(LINES, 1))
    assert [each.answer for each in found] == [alone(new_session(strategy), line).answer for line in LINES]
    assert found[1] == Translation("", 0, "eos", 0.0, 0, 0, "main", source="", item=2)


def test_lines_keep_their_order_and_progress_reaches_the_total(monkeypatch):
    lines = [line for count in range(40) for line in (LINES[count % 8],)]
    expected = [each.answer for each in results(translate_lines(new_session(), lines, SETTINGS))]
    monkeypatch.setattr(module, "WINDOW", 7)
    monkeypatch.setattr(module, "PROGRESS_LINES", 3)
    events = list(translate_lines(new_session(), iter(lines), SETTINGS))
    counts = [event.done for event in events if isinstance(event, Progress)]

    assert [each.answer for each in results(events)] == expected
    assert counts == sorted(counts)
    assert events[-1] == Progress(40, 0, description="translating")


def test_an_invalid_line_is_reported_with_its_number_and_the_others_are_translated():
    found = results(translate_lines(new_session(), ["the dog", "привет", "cat " * 5000, "the cat"], SETTINGS))

    assert [type(each) for each in found] == [Translation, Failed, Failed, Translation]
    assert (found[1].item, found[2].item) == (2, 3)
    assert "tiny's vocabulary has no part of 'привет'" in found[1].reason
    assert "the text has 5,000 tokens" in found[2].reason


def test_candidates_and_a_prefix_apply_to_every_line():
    found = results(translate_lines(new_session(Beam(3)), LINES, SETTINGS | {"nbest": 2}, prefix="vois"))

    assert all(each.answer.startswith("vois") and len(each.candidates) == 2 for each in found if each.answer)
    assert [each.candidates[0].text for each in found if each.answer] == [each.answer for each in found if each.answer]


def test_invalid_settings_are_refused_before_the_first_line():
    with pytest.raises(UsageError, match="greedy generates one answer"):
        list(translate_lines(new_session(), LINES, SETTINGS | {"nbest": 2}))
    with pytest.raises(UsageError, match="tiny does not translate"):
        list(translate_lines(Session(tiny_model()), LINES, SETTINGS))


def test_an_interrupt_ends_the_lines_and_the_session_remains_usable(monkeypatch):
    monkeypatch.setattr(module, "WINDOW", 3)
    session = new_session()
    seen = []
    for event in translate_lines(session, LINES, SETTINGS):
        seen.append(event)
        session.interrupt()

    assert len(results(seen)) <= 3
    assert len(results(translate_lines(session, LINES, SETTINGS))) == len(LINES)


def test_unknown_words_are_replaced_as_they_are_alone():
    class Eager(TinyTranslator):
        def step(self, inputs, state):
            outputs, state = super().step(inputs, state)
            return outputs + np.float32(9) * (np.arange(outputs.shape[1]) == UNK), state

    model = replace(MODEL, decoder=Eager(MODEL.source_tokenizer.size, MODEL.tokenizer.size))
    for strategy in (Greedy(), Beam(2)):
        session = new_session(strategy, model)
        session.replaces_unknown = True
        expected = [alone(session, line).answer for line in LINES]
        found = [each.answer for each in results(translate_lines(session, LINES, SETTINGS))]
        assert found == expected
        assert len(found[0].split()) == 8
        assert "<unk>" not in " ".join(found)


def test_a_model_fault_names_the_model():
    class Broken(TinyTranslator):
        def step(self, inputs, state):
            raise RuntimeError("broken")

    session = new_session(model=replace(MODEL, decoder=Broken(MODEL.source_tokenizer.size, MODEL.tokenizer.size)))
    with pytest.raises(PluginError, match="the model tiny failed: RuntimeError: broken"):
        list(translate_lines(session, LINES, SETTINGS))


MANY = [" ".join(line.split() * (1 + count % 5)) for count in range(30) for line in LINES]


@pytest.mark.parametrize("strategy", [Sample(), Beam(3)])
def test_several_threads_give_the_same_answers_to_the_last_bit(strategy, monkeypatch):
    found = []
    for count in (1, 3):
        monkeypatch.setattr(module, "num_threads", lambda *parts, count=count: count)
        found.append(results(translate_lines(new_session(strategy), MANY, SETTINGS)))

    assert found[0] == found[1]
    assert [each.item for each in found[0]] == list(range(1, len(MANY) + 1))


def test_threads_stop_at_an_interrupt_and_name_a_model_that_fails(monkeypatch):
    class Failing(TinyTranslator):
        fails = False

        def step(self, inputs, state):
            if self.fails:
                raise RuntimeError("broken")
            return super().step(inputs, state)

    monkeypatch.setattr(module, "num_threads", lambda *parts: 3)
    decoder = Failing(MODEL.source_tokenizer.size, MODEL.tokenizer.size)
    session = new_session(Beam(3), replace(MODEL, decoder=decoder))
    events = translate_lines(session, MANY, SETTINGS | {"max_tokens": 2})
    session.interrupt()
    assert results(events) == results(translate_lines(session, [], SETTINGS)) == []
    assert len(results(translate_lines(session, MANY, SETTINGS))) == len(MANY)
    decoder.fails = True
    with pytest.raises(PluginError, match="the model tiny failed: RuntimeError: broken"):
        list(translate_lines(session, MANY, SETTINGS))
