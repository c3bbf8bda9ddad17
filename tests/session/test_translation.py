"""Translations in a session: generated, committed, with candidates, and refused."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, ClassVar

import numpy as np
import pytest

from seqshell import BOS, EOS, UNK, UsageError, VocabularyError
from seqshell.core.errors import PluginError
from seqshell.core.events import Finished, Token, Translation
from seqshell.decoding.beam import Beam
from seqshell.session import Session
from seqshell.session.tasks import translate
from seqshell.session.timeline import Read
from seqshell.testing import tiny_model


@pytest.fixture
def session(new_translator):
    return new_translator(strategy="sample")


# Emitting and committing


@pytest.mark.parametrize("strategy", ["greedy", "sample", "firsts"])
def test_the_emitted_tokens_are_the_answer_and_the_text_of_the_session(session, strategy, joined):
    *tokens, finished = session.translate("the cat", 12, strategy=strategy)

    assert finished.answer == joined(tokens) == joined([*tokens, finished]) == session.text().text
    assert finished.answer[0] != " "
    assert (finished.source, finished.num_tokens, finished.start, finished.end) == (
        "the cat",
        len(tokens),
        0,
        session.position,
    )
    assert session.ids() == [token.id for token in tokens]
    assert session.text().spans == ()


def test_the_log_probability_of_an_answer_includes_its_end_as_that_of_its_candidates_does(new_translator):
    session = new_translator()
    *_, finished = session.translate("the cat", 40, strategy=Beam(width=3))

    assert finished.stop == "eos"
    assert finished.log_prob == finished.candidates[0].log_prob
    assert finished.log_prob == pytest.approx(session.score_translation("the cat", finished.answer).log_prob, abs=1e-4)


def test_greedy_takes_the_most_likely_tokens_after_the_encoded_source(new_translator, translation_model):
    decoder, session = translation_model.decoder, new_translator()
    ids = [*translation_model.source_tokenizer.encode("the cat"), EOS]
    state = decoder.encode(np.array([ids]), np.array([len(ids)]))
    expected, token = [], BOS
    while len(expected) < 10:
        outputs, state = decoder.step(np.array([token]), state)
        outputs[0, [0, BOS, UNK]] = -np.inf
        token = int(outputs[0].argmax())
        if token == EOS:
            break
        expected.append(token)
    list(session.translate("the cat", 10))

    assert session.ids() == expected


def test_the_session_is_at_the_token_emitted_last(session):
    for token in islice(session.translate("i see the dog", 10), 4):
        assert session.position == token.position + 1
        assert session.ids()[-1] == token.id


def test_a_blank_text_has_an_empty_translation_and_moves_nothing(session, translated):
    translated(session.translate("the cat", 5))
    before = session.here
    for blank in ("", " \n\t"):
        assert translated(session.translate(blank)) == Translation(
            "", 0, "eos", 0.0, session.position, session.position, "main", source=blank
        )
    assert session.here is before
    assert session.undo().position == 0


def test_the_same_text_has_the_same_translation_whatever_was_before(session, translated):
    first = translated(session.translate("the dog", 9)).answer
    translated(session.translate("i see you", 9))

    assert translated(session.translate("the dog", 9)).answer == first


def test_constant_leaves_are_one_array_in_all_snapshots_of_a_translation(session, translated, firsts):
    for strategy in ("sample", "firsts", firsts(together=True)):
        finished = translated(session.translate("the dog", 9, strategy=strategy))
        timeline = session.behaviour.cursor.timeline
        nodes = [timeline.ancestor(session.here.node, depth) for depth in range(finished.num_tokens + 1)]
        states = [session.behaviour.cursor.snapshot(node).state for node in nodes]
        assert len(nodes) > 3
        assert len({id(state.encoded) for state in states}) == len({id(state.mask) for state in states}) == 1
        assert all(leaf.base is None or leaf.base.nbytes == leaf.nbytes for state in states for leaf in state)


def test_the_translation_of_a_search_is_committed_with_its_states(new_translator, translated):
    session = new_translator()
    finished = translated(session.translate("the dog", 9, strategy="firsts"))
    timeline = session.behaviour.cursor.timeline

    assert timeline.read[timeline.run_of(session.here.node)] == Read.FOUND
    again = new_translator()
    translated(again.translate("the dog", 9))
    assert again.ids() == session.ids()
    assert again.here.state.hidden.tobytes() == session.here.state.hidden.tobytes()
    assert [each.text for each in finished.candidates] == [finished.answer]


# Candidates and prefixes


def test_the_best_candidates_have_scores_and_the_first_is_the_answer(new_translator, translated):
    session = new_translator()
    finished = translated(session.translate("the dog", 6, strategy="firsts", nbest=3))

    assert len(finished.candidates) == 3
    assert finished.candidates[0].text == finished.answer == session.text().text
    assert [each.score for each in finished.candidates] == sorted(
        (each.score for each in finished.candidates), reverse=True
    )
    assert len({each.text for each in finished.candidates}) == 3


def test_several_candidates_need_a_search(session):
    with pytest.raises(
        UsageError, match="sample generates one answer; for the 5 best, use a search such as /strategy beam"
    ):
        session.translate("the dog", nbest=5)


@pytest.mark.parametrize("strategy", ["greedy", "sample", "firsts"])
def test_an_answer_begins_with_its_prefix(session, strategy, translated):
    *tokens, finished = session.translate("the dog", 8, prefix="vois le", strategy=strategy)

    assert finished.answer.startswith("vois le ")
    assert finished.num_tokens == len(tokens) == session.position
    assert translated(session.regenerate(1, 8)).answer.startswith("vois le ")


@pytest.mark.parametrize(
    ("prefix", "most", "message"),
    [
        ("vois nous", 9, "tiny's vocabulary has no 'nous'"),
        ("vois le", 2, "the prefix has 2 tokens, the answer at most 2; raise max_tokens"),
    ],
)
def test_an_invalid_prefix_is_refused(session, prefix, most, message):
    with pytest.raises((VocabularyError, UsageError), match=message):
        session.translate("the dog", most, prefix=prefix)
    assert session.position == 0


@dataclass(frozen=True)
class Twice:
    """Finds each answer of another search twice, as two sequences of subwords may have one text."""

    name: ClassVar[str] = "twice"
    streams: ClassVar[bool] = False
    inner: Any

    def search(self, decoder, start, request):
        for step in self.inner.search(decoder, start, request):
            yield replace(
                step, best=tuple(each for found in step.best for each in (found, replace(found, score=found.score - 1)))
            )


def test_candidates_with_the_same_text_are_merged(new_translator, translated, firsts):
    session = new_translator()
    once = translated(session.translate("the dog", 6, strategy="firsts", nbest=3)).candidates
    twice = translated(session.translate("the dog", 6, strategy=Twice(firsts()), nbest=3)).candidates

    assert len({candidate.text for candidate in once}) == 3
    assert twice == once


def test_a_beam_commits_its_best_answer_and_regenerate_gives_its_candidates(joined, new_translator, translated):
    session = new_translator()
    session.strategy = Beam(5)
    *tokens, finished = session.translate("the dog", 9, nbest=5)

    assert finished.answer == joined(tokens) == session.text().text == finished.candidates[0].text
    assert (
        translated(session.translate("the dog", 9, strategy=Beam(1))).answer
        == translated(session.translate("the dog", 9, strategy="greedy")).answer
    )
    states = [
        session.behaviour.cursor.snapshot(session.behaviour.cursor.timeline.ancestor(session.here.node, depth)).state
        for depth in range(session.position + 1)
    ]
    assert len({id(state.encoded) for state in states}) == 1
    again = [event for event in session.regenerate(5, 9, strategy=Beam(5)) if isinstance(event, Finished)]
    assert [each.answer for each in again] == [each.text for each in finished.candidates]
    assert all(each.candidates == () for each in again)


def test_an_invalid_search_leaves_the_session_where_it_was(session, translated):
    answer = translated(session.translate("the cat", 5)).answer
    here = session.here
    for strategy, number, message in (
        (Beam(5), 6, "has no 6 best answers"),
        (Beam(50), 1, "wider than the vocabulary"),
    ):
        with pytest.raises(UsageError, match=message):
            next(session.translate("the dog", 9, strategy=strategy, nbest=number))
        assert session.here is here
        with pytest.raises(UsageError, match=message):
            next(session.regenerate(number, strategy=strategy))
        assert (session.here.node, session.branch, session.text().text) == (here.node, "main", answer)
    assert session.undo().position == 0


# Refusals


@pytest.mark.parametrize(
    "call", [lambda s: s.feed("je"), lambda s: s.generate(3), lambda s: s.respond("je"), lambda s: s.reseed("je")]
)
def test_a_translation_model_refuses_what_language_models_do(call, new_translator):
    with pytest.raises(UsageError, match=r"tiny translates whole texts and cannot .*; write a text, or use /translate"):
        call(new_translator())


def test_a_language_model_does_not_translate():
    with pytest.raises(UsageError, match="tiny does not translate"):
        Session(tiny_model()).translate("abc")


def test_a_source_that_is_too_long_is_refused(session, monkeypatch, translated):
    with pytest.raises(
        UsageError, match=r"the text has 10,000 tokens; .* so the limit is 3,999: translate it in parts"
    ):
        session.translate("cat\n" * 10_000)
    monkeypatch.setattr(translate, "MAX_SOURCE_TOKENS", 4)
    assert translated(session.translate("i see you", 3))
    with pytest.raises(UsageError, match="has 4 tokens"):
        session.translate("i see the cat")


def test_a_source_in_an_unknown_script_is_refused(session):
    with pytest.raises(VocabularyError, match="tiny's vocabulary has no part of 'привет'"):
        session.translate("привет")
    assert session.behaviour.cursor.timeline.num_runs == 1


def test_an_encoder_fault_leaves_the_session_where_it_was(session, translated, monkeypatch):
    answer = translated(session.translate("the cat", 5)).answer

    def failing(source, lengths):
        raise RuntimeError("broken")

    monkeypatch.setattr(session.model.decoder, "encode", failing)
    with pytest.raises(PluginError, match="the model tiny failed: RuntimeError: broken"):
        list(session.translate("the dog", 5))
    assert session.text().text == answer
    assert session.undo().position == 0


# Messages


SETTINGS = {"max_tokens": 5, "stop": (), "unknown": "error", "nbest": 1}


def test_a_message_is_translated(new_translator):
    session = new_translator()
    *tokens, finished = session.behaviour.answer("the dog", SETTINGS)

    assert all(isinstance(token, Token) for token in tokens)
    assert (finished.source, finished.num_tokens, finished.stop) == ("the dog", 5, "length")


def test_an_answer_to_a_message_has_nbest_candidates(new_translator, translated, firsts):
    session = new_translator()
    session.strategy = firsts()

    assert len(translated(session.behaviour.answer("the dog", SETTINGS | {"nbest": 3})).candidates) == 3


def test_a_translation_cannot_be_continued(new_translator):
    with pytest.raises(UsageError, match="cannot continue an answer; /regen translates again"):
        list(new_translator().behaviour.continue_answer(SETTINGS))
