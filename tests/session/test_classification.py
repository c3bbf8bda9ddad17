"""Classification sessions, with a causal and a bidirectional model: labels, history, saving and refusals."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.session.labels import logits

from seqshell.core.errors import PluginError, UsageError, VocabularyError
from seqshell.core.subword_tokenizers import SPECIALS, WordTokenizer
from seqshell.core.tasks import Task
from seqshell.core.tokenizers import ByteTokenizer
from seqshell.decoding.strategies import Sample
from seqshell.session import Session
from seqshell.testing import tiny_classification_model, tiny_model, tiny_translation_model

LETTERS = "abcdefgh"


@pytest.fixture
def session(model):
    return Session(model, strategies={"sample": Sample})


def label_probs(session):
    return dict(session.label().probs)


def test_labels_are_the_softmax_of_the_outputs_for_the_whole_text(session, model):
    label = session.classify("abcab")
    expected = np.exp(logits(model, "abcab").astype(float))
    expected /= expected.sum()

    assert label.text == "abcab"
    assert label.answer == label.probs[0][0]
    assert [p for _, p in label.probs] == sorted((p for _, p in label.probs), reverse=True)
    assert dict(label.probs) == pytest.approx(dict(zip(model.labels, expected, strict=True)), abs=1e-6)
    assert (label.start, label.end, label.branch, label.moved) == (0, 5, "main", ())
    assert session.text().text == "abcab"
    assert session.text().spans == ((0, 5),)


def test_each_message_is_classified_alone_and_undo_returns_to_the_previous_one(session):
    first = session.classify("abc")
    second = session.classify("ddd")
    assert (session.position, session.text().text) == (3, "ddd")
    assert session.classify("abc").probs == first.probs

    session.undo()
    assert session.label().probs == second.probs
    session.undo()
    assert (session.label().probs, session.text().text) == (first.probs, "abc")
    session.redo()
    assert session.label().probs == second.probs
    session.undo(2)
    assert session.position == 0
    with pytest.raises(UsageError, match="tiny has read nothing here yet"):
        session.label()


@pytest.mark.parametrize("length", [1, 5, 31, 32, 33, 70])
def test_rewinding_into_a_text_gives_the_labels_of_its_beginning(session, model, length):
    text = (LETTERS * 10)[:71]
    session.classify(text)
    session.rewind(length)

    assert session.text().text == text[:length]
    expected = np.exp(logits(model, text[:length]).astype(float))
    assert list(label_probs(session).values()) == pytest.approx(
        sorted(expected / expected.sum(), reverse=True), abs=1e-5
    )


def test_undo_removes_whole_texts(session):
    session.classify("abcdefgh")
    session.classify("ab")
    undone = session.undo()
    assert (undone.was, undone.position, undone.removed, undone.undo_path) == (2, 8, 2, "/redo restores them")
    redone = session.redo()
    assert (redone.removed, redone.undo_path) == (-2, "/undo removes it again")
    assert session.rewind(1).removed == 1


def test_each_branch_has_its_own_text(session):
    first = session.classify("abc")
    session.branch_off("other")
    second = session.classify("hgf")
    session.checkout("main")
    assert session.label().probs == first.probs
    session.checkout("other")
    assert session.label().probs == second.probs
    session.rewind_to("hg")
    assert session.text().text == "hg"


def test_a_saved_classification_session_is_restored(session, model, tmp_path):
    first = session.classify("abc" * 15)
    session.classify("h\u4e00f")
    session.rewind(2)
    before = label_probs(session)
    session.save(tmp_path / "s.safetensors")
    again = Session.restore(tmp_path / "s.safetensors", model, strategies={"sample": Sample})

    assert label_probs(again) == before
    assert again.text().text == "h\u4e00"
    again.redo()
    assert again.text().text == "h\u4e00f"
    again.undo()
    assert dict(again.label().probs) == pytest.approx(dict(first.probs), abs=1e-6)
    assert again.classify("abc" * 15).probs == first.probs


def test_a_bidirectional_model_reads_the_whole_text_in_one_call(monkeypatch):
    model = tiny_classification_model(causal=False)
    calls = []
    feed = model.decoder.feed
    monkeypatch.setattr(model.decoder, "feed", lambda inputs, state: calls.append(inputs.shape) or feed(inputs, state))
    session = Session(model)
    session.classify("ab" * 50)
    session.rewind(70)
    session.rewind(33)
    assert calls == [(1, 100), (1, 70), (1, 33)]


def test_snapshots_over_the_budget_are_computed_again(model):
    session = Session(model, snapshot_mb=0.0001)
    label = session.classify("abcdefgh" * 20)
    for _ in range(30):
        session.classify("hgfedcba" * 10)
    session.undo(30)
    assert dict(session.label().probs) == pytest.approx(dict(label.probs), abs=1e-6)


def test_a_blank_text_has_no_label_and_moves_nothing(session):
    session.classify("abc")
    for text in ("", "  ", "\n\t"):
        label = session.classify(text)
        assert (label.text, label.answer, label.probs) == (text, "", ())
    assert (session.position, session.text().text) == (3, "abc")


def test_white_space_is_read_as_single_spaces(session):
    assert session.classify("  ab \n c ").probs == session.classify("ab c").probs


# Unknown characters and words


def test_unknown_characters_are_shown_as_they_were_written(session):
    label = session.classify("a\u4e00b", explain=True)
    assert [text for text, _ in label.moved] == ["a", "\u4e00", "b"]
    assert session.text().text == "a\u4e00b"
    session.rewind(2)
    assert session.text().text == "a\u4e00"


def words(*known, causal=True):
    tokenizer = WordTokenizer([*SPECIALS, *(f" {word}" for word in known)], [0] * (len(known) + 4))
    return Session(tiny_classification_model(tokenizer=tokenizer, causal=causal))


@pytest.mark.parametrize("causal", [True, False])
def test_unknown_words_are_shown_as_they_were_written(causal):
    session = words("a", "good", "movie", "!", causal=causal)
    label = session.classify("a dreadfully good movie!", explain=True)
    assert [text for text, _ in label.moved] == ["a", " dreadfully", " good", " movie", "!"]
    assert session.text().text == "a dreadfully good movie!"
    assert session.text().spans == ((0, 24),)


def test_a_character_of_several_tokens_is_explained_at_its_last_token():
    session = Session(tiny_classification_model(tokenizer=ByteTokenizer(specials=True)))
    label = session.classify("a\xe9", explain=True)
    assert [text for text, _ in label.moved] == ["a", "", "\xe9"]


def test_a_text_without_any_known_letter_is_refused_and_moves_nothing(session):
    session.classify("abc")
    with pytest.raises(VocabularyError, match="tiny's vocabulary has no part of"):
        session.classify("\u4e00\u4e01")
    assert session.text().text == "abc"
    assert session.classify("\u4e00\u4e01", unknown="skip").answer == ""


# Refusals


def test_a_classifier_refuses_other_tasks(session):
    for ask in (
        lambda: session.feed("abc"),
        lambda: list(session.generate(3)),
        lambda: session.respond("abc"),
        lambda: session.reseed("abc"),
    ):
        with pytest.raises(UsageError, match="tiny labels whole texts and cannot"):
            ask()
    session.classify("abc")
    for ask in (session.top, lambda: session.score("abc")):
        with pytest.raises(
            UsageError,
            match="tiny labels whole texts and cannot predict the next token; write a text, or use /classify",
        ):
            ask()
    with pytest.raises(UsageError, match="tiny draws nothing"):
        list(session.regenerate())
    with pytest.raises(UsageError, match="tiny does not translate"):
        session.translate("abc")
    assert session.text().text == "abc"
    session.reset()
    assert session.position == 0


@pytest.mark.parametrize("other", [tiny_model(), tiny_translation_model()], ids=["generates", "translates"])
def test_models_of_other_tasks_do_not_classify(other):
    with pytest.raises(UsageError, match="tiny does not label texts; /models lists the models that do"):
        Session(other).classify("abc")


def test_a_text_too_long_for_a_bidirectional_model_is_refused(monkeypatch):
    monkeypatch.setattr("seqshell.session.tasks.classify.MAX_AT_ONCE", 10)
    session = Session(tiny_classification_model(causal=False))
    with pytest.raises(UsageError, match="the text has 11 tokens; tiny reads at most 10"):
        session.classify("abcdefghabc")
    Session(tiny_classification_model()).classify("abcdefghabc")


@pytest.mark.parametrize(
    ("outputs", "trouble"),
    [
        (np.zeros((1, 9), np.float32), r"returned outputs of the shape \[1, 9\] instead of \[1, 3\]"),
        (np.full((1, 3), np.nan), "returned NaN"),
        (np.array([[0, -np.inf, 0]]), "returned infinite logits"),
    ],
)
def test_a_model_with_invalid_outputs_is_named_and_nothing_moves(model, monkeypatch, outputs, trouble):
    feed, fails = model.decoder.feed, []
    monkeypatch.setattr(model.decoder, "feed", lambda inputs, state: (outputs, state) if fails else feed(inputs, state))
    session = Session(model)
    before = session.classify("abc")
    fails.append(True)
    with pytest.raises(PluginError, match=trouble):
        session.classify("ab")
    assert (session.text().text, session.label().probs) == ("abc", before.probs)


def test_outputs_have_the_shape_of_the_task():
    assert Session(tiny_classification_model(labels="abcde")).here.outputs[0].shape == (5,)
    language = tiny_model()
    assert Session(language).here.outputs[0].shape == (language.tokenizer.size,)


def test_an_interrupt_while_reading_a_text_changes_nothing(monkeypatch):
    model = tiny_classification_model()
    feed = model.decoder.feed

    def interrupted(inputs, state):
        session.interrupt()
        return feed(inputs, state)

    monkeypatch.setattr(model.decoder, "feed", interrupted)
    session = Session(model)
    session.classify("abc")  # one chunk, which was read before the interrupt
    with pytest.raises(UsageError, match="interrupted before the text was read"):
        session.classify("ab" * 100)
    assert session.text().text == "abc"


STEPS = st.one_of(st.text(LETTERS, min_size=1, max_size=40), st.just("/undo"), st.just("/redo"), st.integers(0, 40))


@given(st.lists(STEPS, max_size=12), st.booleans())
def test_labels_equal_those_of_a_new_session_after_any_moves(steps, causal):
    model = tiny_classification_model(causal=causal)
    session = Session(model)
    for step in steps:
        try:
            if step == "/undo":
                session.undo()
            elif step == "/redo":
                session.redo()
            elif isinstance(step, int):
                session.rewind(min(step, session.position))
            else:
                session.classify(step)
        except UsageError:
            continue
    text = session.text().text
    assert len(text) == session.position
    if text:
        assert label_probs(session) == pytest.approx(dict(Session(model).classify(text).probs), abs=1e-5)


def test_the_tiny_classifier_is_a_model_of_the_task():
    model = tiny_classification_model()
    assert (model.task, model.causal, model.labels) == (Task.CLASSIFY, True, ("cat", "dog", "bird"))
    assert replace(model, name="x").labels == model.labels
