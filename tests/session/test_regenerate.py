"""Regenerated answers: candidates, their branches and their draws."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from seqshell import UsageError
from seqshell.core.errors import PluginError
from seqshell.session import Session


def test_a_regenerated_answer_is_another_draw_on_a_new_branch(session, joined, ends):
    first = joined(session.respond("abc", 8))
    again = list(session.regenerate(1, 8))

    assert (session.branch, session.retry, ends(again)[0].branch, ends(again)[0].candidate) == (
        "main.2",
        1,
        "main.2",
        None,
    )
    assert session.text().text == "abc" + joined(again) != "abc" + first
    assert session.checkout("main").tail == ""  # checkout does not compute it
    assert session.tail == "abc" + first


def test_candidates_are_numbered_and_the_first_becomes_current(session, ends):
    list(session.respond("abc", 8))
    made = ends(session.regenerate(3, 8))

    assert [(each.branch, each.candidate, each.num_tokens) for each in made] == [
        ("main.2", 1, 8),
        ("main.3", 2, 8),
        ("main.4", 3, 8),
    ]
    assert session.text().text == "abc" + made[0].answer
    assert len({each.answer for each in made} | {session.text("main").text[3:]}) == 4
    assert session.candidates() == ("main", "main.2", "main.3", "main.4")


def test_one_candidate_per_value_of_a_setting(session, new_session, joined, ends):
    list(session.respond("abc", 8))
    made = ends(session.regenerate([{"scaled": "0.01"}, {"scaled": 100}], 8))
    greedy = new_session()
    greedy.feed("abc")

    assert session.text().text == "abc" + joined(greedy.generate(8, strategy="greedy"))
    assert session.chain == ()
    assert [each.settings for each in made] == ["scaled=0.01", "scaled=100"]


def test_an_invalid_setting_creates_no_branch(session):
    list(session.respond("abc", 8))
    with pytest.raises(UsageError, match=r"0\.01 to 100"):
        session.regenerate([{"scaled": 1}, {"scaled": 1000}])

    assert [branch.name for branch in session.branches()] == ["main"]


def test_regenerate_drops_what_was_fed_after_the_answer(session):
    list(session.respond("abc", 4))
    session.feed("ddd")
    list(session.regenerate(1, 4))

    assert session.text().text.startswith("abc")
    assert session.position == 7


def test_a_regenerated_answer_belongs_to_the_turn_of_its_line(session):
    list(session.respond("ab", 3))
    list(session.respond("cd", 3))
    list(session.regenerate(1, 3))

    assert session.undo().position == 5


def test_regenerate_takes_the_smallest_unused_retry_numbers(session):
    list(session.respond("abc", 4))
    list(session.regenerate(2, 4))
    session.drop("main.3")
    list(session.regenerate(1, 4))

    assert (session.branch, session.retry) == ("main.3", 3)
    assert session.rewind(3).position == 3
    assert session.retry == 0  # the number belongs to the position
    list(session.generate(4))
    assert session.text().text == session.text("main").text


def test_empty_regenerated_answers_are_different_draws_too(session):
    list(session.respond("abc", 4))
    text = session.text().text
    for expected in (1, 2, 3):
        list(session.regenerate(1, 4, stop=tuple("abcdefgh \n")))
        assert (session.retry, session.position) == (expected, 3)
    assert session.text("main").text == text


def test_regenerate_without_an_answer_is_refused(session):
    session.feed("abc")
    with pytest.raises(UsageError, match="no answer"):
        session.regenerate()
    list(session.generate(3))
    session.reset()
    with pytest.raises(UsageError, match="no answer"):
        session.regenerate()
    with pytest.raises(UsageError, match="no other candidate"):
        session.candidates()


def test_an_interrupt_ends_all_candidates(session, ends):
    list(session.respond("abc", 4))
    seen = []
    for event in session.regenerate(3, 5):
        seen.append(event)
        if len(seen) == 8:  # two tokens of the second candidate
            session.interrupt()

    assert [(end.num_tokens, end.stop) for end in ends(seen)] == [(5, "length"), (2, "interrupt")]
    assert [branch.name for branch in session.branches()] == ["main", "main.2", "main.3"]
    assert session.branch == "main.2"


def test_closing_the_iterator_in_the_second_candidate_keeps_the_first(session, joined):
    list(session.respond("abc", 4))
    answer = session.regenerate(2, 5)
    first = joined([next(answer) for _ in range(6)])
    next(answer)
    answer.close()

    assert session.text().text == "abc" + first
    assert session.text("main.3").text[:3] == "abc"
    assert len(session.ids("main.3")) == 4


def test_a_candidate_that_fails_immediately_leaves_no_branch(session):
    @dataclass(frozen=True)
    class Broken:
        name = "broken"

        def __call__(self, logits, context):
            raise ArithmeticError("no")

    list(session.respond("abc", 4))
    session.chain = (Broken(),)
    with pytest.raises(PluginError, match="broken"):
        list(session.regenerate(2, 4))

    assert [(branch.name, branch.current) for branch in session.branches()] == [("main", True)]
    assert session.position == 7


def test_the_options_of_the_last_answer_are_repeated_unless_others_are_given(session, ends, tmp_path):
    list(session.respond("abc", 7, strategy="greedy", scaled=0.5))
    (same,) = ends(session.regenerate())
    (other,) = ends(session.regenerate([{"scaled": 0.01}], 4, strategy="sample"))
    (again,) = ends(session.regenerate())

    assert (same.num_tokens, same.settings, same.answer) == (7, "scaled=0.5", session.text("main").text[3:])
    assert (other.num_tokens, other.settings) == (again.num_tokens, again.settings) == (4, "scaled=0.01")

    session.save(tmp_path / "kept.safetensors")
    options = {"samplers": session.behaviour.answers.samplers, "strategies": session.behaviour.answers.strategies}
    restored = Session.restore(tmp_path / "kept.safetensors", session.model, **options)
    assert ends(restored.regenerate()) == ends(session.regenerate())
    restored.checkout("main")
    assert ends(restored.regenerate())[0].answer == same.answer
