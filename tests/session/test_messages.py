"""How a language model answers messages: it reads them and continues."""

from __future__ import annotations

import pytest

from seqshell import Session, VocabularyError
from seqshell.core.events import Finished, Token
from seqshell.testing import tiny_model

SETTINGS = {"newline": "none", "unknown": "error", "max_tokens": 5, "stop": ()}


@pytest.fixture
def session():
    return Session(tiny_model())


def test_a_message_is_read_and_continued(session):
    *tokens, finished = session.behaviour.answer("abc", SETTINGS)

    assert all(isinstance(token, Token) for token in tokens)
    assert isinstance(finished, Finished)
    assert (finished.answer, finished.num_tokens, finished.stop) == (
        "".join(token.text for token in tokens),
        5,
        "length",
    )
    assert (finished.start, finished.end, session.position) == (3, 8, 8)
    assert session.text().text == "abc" + finished.answer


def test_a_continued_answer_equals_a_longer_one(session):
    *_, first = session.behaviour.answer("abc", SETTINGS)
    *_, second = session.behaviour.continue_answer(SETTINGS)
    *_, whole = Session(tiny_model()).behaviour.answer("abc", SETTINGS | {"max_tokens": 10})

    assert first.answer + second.answer == whole.answer


def test_an_answer_is_continued_by_a_number_of_tokens(session):
    *_, finished = session.behaviour.continue_answer(SETTINGS, 3)

    assert finished.num_tokens == 3


@pytest.mark.parametrize(("newline", "read"), [("none", "abc"), ("before", "\nabc"), ("after", "abc\n")])
def test_a_newline_is_added_where_the_setting_says(session, newline, read):
    list(session.behaviour.answer("abc", SETTINGS | {"newline": newline}))

    assert session.text().text[: session.text().spans[0][1]] == read


def test_unknown_characters_are_refused_before_anything_is_read(session):
    with pytest.raises(VocabularyError, match="'X'"):
        list(session.behaviour.answer("abXc", SETTINGS))

    assert session.position == 0


def test_unknown_characters_are_left_out_on_request(session):
    list(session.behaviour.answer("abXc", SETTINGS | {"unknown": "skip", "max_tokens": 1}))

    assert session.text().text[:3] == "abc"


def test_an_answer_ends_before_a_stop_text(session):
    *_, whole = session.behaviour.answer("abc", SETTINGS | {"max_tokens": 30})
    stop = whole.answer[10:12]
    *_, finished = Session(tiny_model()).behaviour.answer("abc", SETTINGS | {"max_tokens": 30, "stop": (stop,)})

    assert finished.answer == whole.answer[: whole.answer.index(stop)]
    assert finished.stop == "stop"
