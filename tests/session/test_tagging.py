"""Sessions on taggers: one tag for each word, whatever was before, the same in batches and at any padding."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from seqshell import Session
from seqshell.core.errors import PluginError, UsageError
from seqshell.core.events import Progress, Tags
from seqshell.core.subword_tokenizers import WordTokenizer
from seqshell.session.interventions import Clamp
from seqshell.session.tasks import tag as tagging
from seqshell.session.tasks.translate_lines import Failed
from seqshell.testing import tiny_model, tiny_tagging_model
from seqshell.testing.tiny_tagger import TinyTagger

LINES = ["abc de", "", "fgh", "a, b: cab", "ab"]


@pytest.fixture(params=[True, False], ids=["causal", "whole"])
def session(request):
    return Session(tiny_tagging_model(seed=1, causal=request.param))


def expected(session, words):
    """The tag of each word from the outputs at its last character."""
    model, ids, last = session.model, [], []
    for word in words:
        ids += model.tokenizer.encode(f" {word}")
        last.append(len(ids) - 1)
    outputs = model.decoder.token_outputs(np.array([ids]))[0][last]
    return [model.labels[number] for number in outputs.argmax(-1)]


def test_each_word_gets_the_tag_at_its_last_token(session):
    found = session.tag("abc, de")

    assert [(word.text, word.start, word.end) for word in found.words] == [("abc", 0, 3), (",", 3, 4), ("de", 5, 7)]
    assert [word.tag for word in found.words] == expected(session, ["abc", ",", "de"])
    assert all(0.2 < word.probability <= 1 for word in found.words)  # the most likely of five
    assert (found.start, found.end, session.position) == (0, 9, 9)
    assert found.known_tags == session.model.labels


def test_a_message_is_tagged_whatever_was_before_and_undone(session):
    first = session.tag("abc de")
    (second,) = session.behaviour.answer("abc de", {})

    assert second == first
    session.undo()
    session.undo()
    assert session.position == 0
    session.redo()
    assert session.text().text == "abc de"


def test_a_text_without_words_moves_nothing(session):
    session.tag("abc")
    found = session.tag(" \n ")

    assert (found.words, found.start, found.end, session.position) == ((), 4, 4, 4)


def test_lines_in_batches_get_the_tags_of_single_texts(session):
    events = list(session.behaviour.tag_lines(LINES, {}))
    found = [event for event in events if isinstance(event, Tags)]

    assert [event.item for event in found] == [1, 2, 3, 4, 5]
    assert isinstance(events[0], Progress)
    assert session.position == 0
    for line, event in zip(LINES, found, strict=True):
        single = session.tag(line)
        assert [word.tag for word in event.words] == [word.tag for word in single.words]
        assert [word.probability for word in event.words] == pytest.approx([word.probability for word in single.words])


def test_interventions_change_the_tags_of_a_causal_tagger():
    session = Session(tiny_tagging_model(seed=1))
    before = session.tag("abc de fgh")
    session.intervene([Clamp("0[3]", 0, (3,), np.float32(2))])
    after = session.tag("abc de fgh")

    assert [word.probability for word in after.words] != [word.probability for word in before.words]


def test_a_text_that_is_too_long_is_refused(session, monkeypatch):
    monkeypatch.setattr(tagging, "MAX_TOKENS", 8)
    session.tag("abc de")

    with pytest.raises(UsageError, match="the text has 9 tokens; tiny reads at most 8"):
        session.tag("abc defg")
    assert session.text().text == "abc de"
    events = list(session.behaviour.tag_lines(["abc defg", "a"], {}))
    assert events[-2:] == [Failed(1, "the text has 9 tokens; tiny reads at most 8"), events[-1]]


def test_unknown_words_are_named_and_kept_as_they_were_written():
    tokenizer = WordTokenizer.train(["the cat sat ."], specials=True)
    session = Session(tiny_tagging_model(tokenizer=tokenizer))
    found = session.tag("the zebra sat")

    assert found.unknown == ("zebra",)
    assert session.text().text == "the zebra sat"
    session = Session(tiny_tagging_model())
    assert session.tag("abxz, ca").unknown == ("xz,",)
    assert session.text().text == "abxz , ca"


def test_nothing_is_drawn_again(session):
    session.tag("abc")
    with pytest.raises(UsageError, match="tiny draws nothing: the same text gets the same tags again"):
        session.regenerate(1)


def test_other_models_do_not_tag(session):
    with pytest.raises(UsageError, match="tiny does not tag words; /models lists the models that do"):
        Session(tiny_model()).tag("a")
    with pytest.raises(UsageError, match="tiny does not tag words"):
        Session(tiny_model()).behaviour.tag_lines(["a"], {})
    with pytest.raises(UsageError, match="tiny tags words and cannot continue an answer; write a text, or use /tag"):
        session.behaviour.continue_answer({})


class WithoutTokens(TinyTagger):
    """Has no token_outputs."""

    token_outputs = None


class WrongShape(TinyTagger):
    def token_outputs(self, inputs):
        return super().token_outputs(inputs)[:, :-1]


class NotANumber(TinyTagger):
    def token_outputs(self, inputs):
        return super().token_outputs(inputs) * np.nan


def with_decoder(kind, *, causal):
    model = tiny_tagging_model(seed=1, causal=causal)
    decoder = kind(model.tokenizer.size, len(model.labels), seed=1, causal=causal)
    if kind is WithoutTokens:
        decoder._feed = lambda inputs, state: (np.zeros((len(inputs), 5), np.float32), ())
        if causal:
            del decoder._feed
    return Session(replace(model, decoder=decoder))


def test_a_causal_decoder_without_token_outputs_is_stepped():
    found = with_decoder(WithoutTokens, causal=True).tag("abc de")

    assert found == Session(tiny_tagging_model(seed=1)).tag("abc de")


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (WithoutTokens, r"has no token_outputs\(inputs\), which a model that reads whole texts needs"),
        (WrongShape, r"returned outputs of the shape \[1, 3, 5\] instead of \[1, 4, 5\]"),
        (NotANumber, "returned NaN"),
    ],
)
def test_a_decoder_that_does_not_give_the_outputs_of_tokens_is_named(kind, message):
    with pytest.raises(PluginError, match=message):
        with_decoder(kind, causal=False).tag("abc")
