"""Dialogues: the setting `turns`, with which a message carries the messages and answers before it."""

import pytest

from seqshell.core.turns import turns_of, with_turns

SETTINGS = {"max_tokens": 4, "unknown": "skip"}


@pytest.mark.parametrize(
    ("earlier", "number", "source"),
    [
        ((), 3, "d"),
        (("a", "b", "c"), 0, "d"),
        (("a", "b", "c"), 2, "b / c / d"),
        (("a", "b", "c"), 9, "a / b / c / d"),
        (("a", "", " b\nc "), 3, "a / b c / d"),
    ],
)
def test_a_source_has_the_last_turns_and_the_message(earlier, number, source):
    assert with_turns(earlier, "d", number) == source
    assert turns_of(source)[-1] == "d"


def test_a_message_is_read_after_the_turns_before_it_until_they_are_undone(new_translator, translated):
    session = new_translator(strategy="sample")

    def answered(message, turns):
        return translated(session.behaviour.answer(message, SETTINGS | {"turns": turns}))

    first = answered("the cat", 2)
    second = answered("the dog", 2)
    assert first.source == "the cat"
    assert second.source == f"the cat / {first.answer} / the dog"

    assert answered("the", 1).source == f"{second.answer} / the"
    session.undo(2)
    assert answered("the", 9).source == f"the cat / {first.answer} / the"
    assert answered("the", 0).source == "the"


def test_a_blank_message_moves_nothing_whatever_was_said_before(new_translator, translated):
    session = new_translator(strategy="sample")
    list(session.behaviour.answer("the cat", SETTINGS))
    place = session.position

    assert translated(session.behaviour.answer(" ", SETTINGS | {"turns": 2})).source == " "
    assert session.position == place > 0
