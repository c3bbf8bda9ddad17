"""Going back and forth in a session: undo, redo, rewind, reset and branches."""

from __future__ import annotations

import pytest

from seqshell import Session, UsageError, VocabularyError
from seqshell.core.errors import PluginError
from seqshell.testing import tiny_model

# Undo, redo and rewind


def test_undo_removes_a_line_and_its_answer_and_the_same_line_is_answered_alike(session, joined):
    first = joined(session.respond("abc", 6))
    second = joined(session.respond("de", 6))
    moved = session.undo()

    assert (moved.position, moved.was, moved.removed) == (9, 17, 8)
    assert session.tail == session.text().text == "abc" + first
    assert joined(session.respond("de", 6)) == second
    assert session.undo(2).position == 0


def test_everything_committed_after_begin_turn_is_one_turn(session):
    session.begin_turn("/poem")
    list(session.respond("ab", 3))
    list(session.respond("cd", 3))
    session.begin_turn("/continue")
    list(session.generate(2))

    assert session.undo().position == 10
    assert session.undo().position == 0


def test_redo_restores_turns_until_something_else_is_read(session):
    for line in "abc":
        list(session.respond(line, 2))
    session.undo(2)

    assert session.redo().position == 6
    assert session.redo().removed == -3
    session.undo(2)
    session.feed("h")
    with pytest.raises(UsageError, match="nothing to redo"):
        session.redo()


def test_redo_restores_all_turns_or_none(session):
    list(session.respond("a", 2))
    session.undo()
    with pytest.raises(UsageError, match="only 1 can"):
        session.redo(2)

    assert session.position == 0
    assert session.redo().position == 3


def test_redo_restores_a_rewind(session, joined):
    text = "abc" + joined(session.respond("abc", 20))

    assert session.rewind(5).position == 5
    assert session.tail == text[:5]
    assert session.rewind(-2).position == 3
    assert session.redo().position == 5
    assert session.redo().position == 23
    assert session.text().text == text


def test_a_rewind_goes_to_just_after_the_last_occurrence_of_a_text(session):
    session.feed("ab cab caba")

    assert session.rewind_to("ab ").position == 7
    assert session.rewind_to("b").position == 6
    assert session.rewind_to("b").position == 6
    with pytest.raises(UsageError, match="'bb' is not in this branch's text"):
        session.rewind_to("bb")
    with pytest.raises(UsageError, match="name the text"):
        session.rewind_to("")


def test_a_text_is_found_thousands_of_tokens_back(session):
    session.feed("abc" + "h" * 9000)

    assert session.rewind_to("bc").position == 3


@pytest.mark.parametrize("position", [6, -6])
def test_a_rewind_outside_the_branch_is_refused(session, position):
    session.feed("abcde")
    with pytest.raises(UsageError, match=f"{position} is outside"):
        session.rewind(position)


def test_undoing_more_than_was_read_is_refused(session):
    with pytest.raises(UsageError, match="nothing to undo"):
        session.undo()
    session.feed("abc")
    with pytest.raises(UsageError, match="only 1 turn can be undone"):
        session.undo(2)
    with pytest.raises(UsageError, match="cannot undo 4 tokens: 3 were read"):
        session.undo_tokens(4)
    assert session.position == 3


def test_after_undoing_tokens_the_same_tokens_are_drawn(session, joined):
    text = joined(session.respond("abc", 12))
    session.undo_tokens(5)

    assert joined(session.generate(5)) == text[-5:]


def test_a_reset_can_be_undone_and_redone(session):
    list(session.respond("abc", 5))
    text, state = session.text(), session.here.state
    moved = session.reset()

    assert (moved.position, moved.was, moved.removed, session.tail) == (0, 8, 8, "")
    assert session.undo().position == 8
    assert session.tail == text.text
    assert session.here.state.tolist() == state.tolist()
    assert session.redo().position == 0


def test_a_reseed_forgets_everything_then_reads(session, new_session):
    session.feed("abc")
    session.begin_turn()
    moved = session.reseed("de")
    fresh = new_session()
    fresh.feed("de")

    assert (moved.position, session.tail) == (2, "de")
    assert session.here.state.tolist() == fresh.here.state.tolist()
    session.undo()
    assert session.tail == "abc"


def test_a_reseed_with_an_unknown_character_changes_nothing(session):
    session.feed("abc")
    with pytest.raises(VocabularyError):
        session.reseed("aX")

    assert session.text().text == "abc"


def test_a_failing_reseed_changes_nothing_not_even_the_turn():
    model = tiny_model()
    feed, fails = model.decoder.feed, []

    def failing(inputs, state):
        if fails:
            raise MemoryError
        return feed(inputs, state)

    model.decoder.feed = failing
    session = Session(model)
    session.feed("abc")
    here = session.here
    fails.append(True)
    with pytest.raises(PluginError, match="MemoryError"):
        session.reseed("de")
    assert session.here is here

    list(session.generate(3))  # answers the text that was fed before
    assert session.undo().position == 0


def test_an_interrupt_while_nothing_runs_does_not_shorten_a_reseed(session):
    session.interrupt()

    assert session.reseed("abc").position == 3


def test_the_tail_is_the_last_two_lines(session):
    session.feed("ab\ncd\nef\n" + "h" * 200)

    assert session.tail == "ef\n" + "h" * 200
    session.rewind(9)
    assert session.tail == "ef\n"
    session.rewind(7)
    assert session.tail == "cd\ne"


# Branches


def test_branches_continue_separately_from_one_position(session, joined):
    session.feed("abc")
    session.branch_off("other")
    other = joined(session.generate(8))
    session.checkout("main")

    assert session.text().text == "abc"
    assert joined(session.generate(8)) == other  # the same draws
    session.set_seed(1)
    session.undo()
    assert joined(session.generate(8)) != other
    assert session.text("other").text == "abc" + other


def test_branches_are_listed_parents_first_with_their_first_words(session):
    session.feed("abc")
    session.branch_off("one")
    session.feed("d e")
    session.branch_off()
    session.checkout("main")
    session.branch_off("two")
    session.drop("one")

    listed = [
        (each.name, each.position, each.current, each.text, each.parent, each.fork) for each in session.branches()
    ]
    assert listed == [
        ("main", 3, False, "abc", None, 0),
        ("one.2", 6, False, "d e", "main", 3),
        ("two", 3, True, "", "main", 3),
    ]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("abcdefg " * 5, "abcdefg " * 4 + "abcdefg"),
        ("abcdefg " * 6, "abcdefg " * 4 + "abcdefg…"),
        ("abcdef " * 6, "abcdef " * 4 + "abcdef…"),
        ("a" * 40, "a" * 40),
        ("a" * 41, "a" * 40 + "…"),
    ],
)
def test_the_first_words_of_a_branch_are_whole_words(session, text, shown):
    session.feed(text)
    assert session.branches()[0].text == shown


@pytest.mark.parametrize(("name", "message"), [("main", "already"), ("a b", "invalid name"), ("../x", "invalid name")])
def test_an_invalid_or_unknown_branch_name_is_refused(session, name, message):
    with pytest.raises(UsageError, match=message):
        session.branch_off(name)
    with pytest.raises(UsageError, match="no branch 'x'; available: main"):
        session.checkout("x")


def test_undo_on_a_branch_continues_before_its_fork(session):
    list(session.respond("ab", 3))
    list(session.respond("cd", 3))
    session.branch_off("other")
    list(session.respond("ef", 3))

    assert session.undo(3).position == 0
    assert session.checkout("main").position == 10
