"""What a message means: a language model reads it and goes on with it."""

from __future__ import annotations

import pytest

from seqshell import Session, VocabularyError
from seqshell.core.events import Finished, Token
from seqshell.testing import tiny_model

PLAIN = {"newline": "none", "unknown": "error", "max_tokens": 5, "stop": ()}


@pytest.fixture
def session():
    return Session(tiny_model())


def test_a_message_is_read_and_answered_from_there(session):
    *tokens, finished = session.behaviour.answer("abc", PLAIN)

    assert all(isinstance(token, Token) for token in tokens)
    assert isinstance(finished, Finished)
    assert (finished.answer, finished.num_tokens, finished.stop) == (
        "".join(token.text for token in tokens),
        5,
        "length",
    )
    assert (finished.start, finished.end, session.position) == (3, 8, 8)
    assert session.text().text == "abc" + finished.answer


def test_going_on_is_as_if_the_answer_had_never_stopped(session):
    *_, first = session.behaviour.answer("abc", PLAIN)
    *_, second = session.behaviour.continue_answer(PLAIN)
    *_, whole = Session(tiny_model()).behaviour.answer("abc", PLAIN | {"max_tokens": 10})

    assert first.answer + second.answer == whole.answer


def test_going_on_makes_as_many_tokens_as_are_asked_for(session):
    *_, finished = session.behaviour.continue_answer(PLAIN, 3)

    assert finished.num_tokens == 3


@pytest.mark.parametrize(("newline", "read"), [("none", "abc"), ("before", "\nabc"), ("after", "abc\n")])
def test_a_newline_is_added_where_it_is_wished_for(session, newline, read):
    list(session.behaviour.answer("abc", PLAIN | {"newline": newline}))

    assert session.text().text[: session.text().spans[0][1]] == read


def test_unknown_characters_are_an_error_before_anything_is_read(session):
    with pytest.raises(VocabularyError, match="'X'"):
        list(session.behaviour.answer("abXc", PLAIN))

    assert session.position == 0


def test_unknown_characters_are_left_out_on_request(session):
    list(session.behaviour.answer("abXc", PLAIN | {"unknown": "skip", "max_tokens": 1}))

    assert session.text().text[:3] == "abc"


def test_an_answer_ends_before_a_stop_text(session):
    *_, whole = session.behaviour.answer("abc", PLAIN | {"max_tokens": 30})
    wanted = whole.answer[10:12]
    *_, finished = Session(tiny_model()).behaviour.answer("abc", PLAIN | {"max_tokens": 30, "stop": (wanted,)})

    assert finished.answer == whole.answer[: whole.answer.index(wanted)]
    assert finished.stop == "stop"
