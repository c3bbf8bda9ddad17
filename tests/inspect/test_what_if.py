"""/what-if: the other translation is the one of the other source, its weights are its attention, and nothing moves."""

from __future__ import annotations

import pytest

from seqshell.core.errors import UsageError
from seqshell.inspect.what_if import what_if
from seqshell.session import Session
from seqshell.testing import tiny_translation_model


@pytest.fixture
def session():
    return Session(tiny_translation_model())


def words(text: str) -> list[str]:
    return text.replace(".", " .").split()


def test_both_columns_are_translations_and_nothing_moves(session):
    (*_, first) = session.translate("i love the dog")
    before = session.text(), session.position, session.branches(), session.attention().weights.tolist()
    found = what_if(session, {"dog": "cat"})
    assert (session.text(), session.position, session.branches(), session.attention().weights.tolist()) == before
    assert found.title == "i love the cat"
    assert [row[1] for row in found.rows if row[1]] == words(first.answer)
    (*_, other) = session.translate("i love the cat")
    assert [row[2] for row in found.rows if row[2]] == words(other.answer)
    assert [row[0] == "*" for row in found.rows] == [row[1] != row[2] for row in found.rows]


def test_the_weights_are_those_of_the_swapped_words(session):
    list(session.translate("i love the dog"))
    attention = session.attention()
    column = [token.strip() for token in attention.source].index("dog")
    found = what_if(session, {"dog": "cat"})
    rows = found.rows
    assert found.columns == ("", "dog", "cat", "attention to dog", "attention to cat")
    assert [row[3] for row in rows if row[1]] == pytest.approx(attention.weights[:, column].tolist(), abs=5e-4)


def test_a_word_is_swapped_as_a_whole_and_all_at_once(session):
    list(session.translate("i love the dog , i see the cat"))
    assert what_if(session, {"dog": "cat", "cat": "dog"}).title == "i love the cat , i see the dog"
    with pytest.raises(UsageError, match="'do' is no word of the source, 'i love the dog , i see the cat'"):
        what_if(session, {"do": "cat"})


def test_without_a_translation_there_is_nothing_to_change(session):
    with pytest.raises(UsageError, match="no translation yet to change a word of; translate a text first"):
        what_if(session, {"dog": "cat"})


def test_after_a_loaded_state_there_is_no_whole_translation_to_compare(session):
    list(session.translate("i love the dog"))
    session.set_state(session.state)
    before = session.text(), session.position, session.branches()
    with pytest.raises(UsageError, match="begins with a loaded state, so it is no whole translation"):
        what_if(session, {"dog": "cat"})
    assert (session.text(), session.position, session.branches()) == before
