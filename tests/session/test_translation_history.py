"""Translations are undone, generated again, interrupted and rewound."""

from __future__ import annotations

import pytest

from seqshell import UsageError
from seqshell.core.events import Finished, Translation


@pytest.fixture
def session(new_translator):
    return new_translator(strategy="sample")


def test_undo_goes_to_the_end_of_the_previous_translation_and_redo_returns(session, translated):
    first, second = (translated(session.translate(text, 9)).answer for text in ("the cat", "the dog"))
    was = session.position
    moved = session.undo()

    assert (session.text().text, moved.removed, moved.undo_path) == (first, was, "/redo restores them")
    assert session.attention().source == ("the", " cat", "<eos>")
    session.undo()
    assert session.text().text == ""
    moved = session.redo(2)
    assert (session.text().text, moved.removed, moved.undo_path) == (second, -was, "/undo removes it again")
    with pytest.raises(UsageError, match="nothing to redo"):
        session.redo()


def test_a_line_of_the_user_is_one_turn(session):
    for text in ("the cat", "the dog"):
        session.begin_turn(text)
        list(session.translate(text, 5))
    session.undo()

    assert session.attention().source[1] == " cat"


def test_undo_restores_the_translation_before_a_reset(session, translated):
    answer = translated(session.translate("the cat", 5)).answer
    session.reset()

    assert session.text().text == ""
    with pytest.raises(UsageError, match="no translation yet"):
        session.attention()
    session.undo()
    assert session.text().text == answer


def test_regenerated_translations_are_other_draws_on_their_own_branches(session, translated):
    first = translated(session.translate("the dog", 9)).answer
    finished = [event for event in session.regenerate(3, 9) if isinstance(event, Finished)]

    assert [(each.branch, each.candidate) for each in finished] == [("main.2", 1), ("main.3", 2), ("main.4", 3)]
    assert all(isinstance(each, Translation) and each.source == "the dog" for each in finished)
    assert len({first, *(each.answer for each in finished)}) == 4
    assert session.text().text == finished[0].answer
    assert session.text("main").text == first
    for branch, answer in zip(session.branches(), (first, *(each.answer for each in finished)), strict=True):
        assert branch.text
        assert answer.startswith(branch.text.removesuffix("…").rstrip())
    session.checkout("main.3")
    assert session.text().text == finished[1].answer


def test_regenerating_starts_from_the_root_wherever_the_session_is(session, translated):
    translated(session.translate("the dog", 9))
    session.rewind(2)
    translated(session.regenerate(1, 9))
    session.undo()

    assert session.position == 0
    assert session.behaviour.cursor.timeline.source(session.here.node) is None


def test_regenerating_with_a_search_gives_its_best_answers(new_translator, translated, firsts):
    session = new_translator()
    session.strategy = firsts()
    best = translated(session.translate("i love the dog", 6, nbest=4)).candidates
    finished = [event for event in session.regenerate(4, 6) if isinstance(event, Finished)]

    assert [each.answer for each in finished] == [each.text for each in best]
    assert session.branch == "main.2"
    assert session.text("main.5").text == best[3].text


def test_regenerating_gives_only_as_many_answers_as_a_search_finds(new_translator, translated, firsts):
    session = new_translator()
    session.strategy = firsts()
    translated(session.translate("i love the dog", 6, prefix="vois"))

    assert [event.answer for event in session.regenerate(3, 6) if isinstance(event, Finished)] == [session.text().text]


def test_an_empty_translation_can_be_regenerated(session, new_translator, translated):
    assert translated(new_translator().translate("i love you", 9)).answer == ""
    assert translated(session.translate("i love you", 9, strategy="greedy")).answer == ""
    while not translated(session.regenerate(1, 9, strategy="sample")).answer:
        pass
    assert session.undo().position == 0


@pytest.mark.parametrize("strategy", ["greedy", "firsts"])
def test_an_interrupt_ends_a_translation_after_a_token(session, strategy, joined, translated):
    session.begin_turn()
    events = session.translate("the dog", 9, strategy=strategy)
    seen = [next(events)]
    session.interrupt()
    seen += events

    assert seen[-1].stop == "interrupt"
    assert joined(seen) == session.text().text
    assert session.position == 1
    session.begin_turn()
    assert translated(session.translate("the dog", 9)).num_tokens > 1


def test_an_interrupt_ends_a_search_between_two_steps(session, translated, firsts):
    class Interrupting(firsts):
        def search(self, decoder, start, request):
            session.interrupt()
            return super().search(decoder, start, request)

    session.begin_turn()
    finished = translated(session.translate("the dog", 9, strategy=Interrupting()))

    assert (finished.answer, finished.stop, session.position) == ("", "interrupt", 0)
    session.undo()
    assert session.behaviour.cursor.timeline.source(session.here.node) is None


def test_rewinding_to_a_text_finds_words_of_the_translation(new_translator, translated):
    session = new_translator()
    translated(session.translate("the cat", 9))
    words = session.text().text.split()
    last = len(words) - 1 - words[::-1].index(words[0])

    assert session.rewind_to(words[0]).position == last + 1
    assert session.tail == " ".join(words[: last + 1])
