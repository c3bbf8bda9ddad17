"""Tokens chosen by hand are read as any others, each can be taken back, and looking around moves nothing."""

from __future__ import annotations

import numpy as np
import pytest

from seqshell.core.errors import UsageError
from seqshell.core.state import leaves
from seqshell.inspect.alternatives import alternatives, take
from seqshell.inspect.exploring import Explorer
from seqshell.inspect.next_words import next_words
from seqshell.inspect.picking import MODEL, Picker, pick
from seqshell.inspect.token_trees import TreeSearch
from seqshell.session import Session
from seqshell.session.interventions import Clamp


@pytest.fixture(params=["tiny", "odd"])
def session(request):
    session = request.getfixturevalue(request.param)
    session.begin_turn("/pick")
    return session


def states(session):
    return session.ids(), [leaf.tobytes() for leaf in leaves(session.state)], session.here.outputs.tobytes()


def test_each_pick_reads_the_token_of_its_rank_and_one_undo_takes_all_back(session):
    before, picker = states(session), Picker(session)
    expected = []
    for rank in (2, 1, 3):
        expected.append(session.top(rank).tokens[-1].id)
        picker.take(rank)
    picked = picker.picked()

    assert [each.id for each in picked.picks] == session.ids()[picker.start :] == expected
    assert (picked.start, picked.end, picked.line) == (picker.start, picker.start + 3, "/pick 2 1 3")
    assert picked.text == session.text().text[picker.start :]
    session.undo()
    assert states(session) == before


def test_backspace_takes_back_one_token_after_the_other(session):
    picker, places = Picker(session), [states(session)]
    for number in (1, MODEL, 2):
        picker.take(number)
        places.append(states(session))
    shown = picker.shown
    for place in reversed(places[:-1]):
        assert picker.undo()
        assert states(session) == place
    assert not picker.undo()
    assert shown.position == picker.shown.position + 3


def test_the_models_choice_is_what_it_generates_by_itself(session):
    other = Session(session.model)
    other.feed_ids(session.ids())
    other.begin_turn()
    list(other.generate(4))
    picked = pick(session, [MODEL] * 4)

    assert session.ids() == other.ids()
    assert picked.line == "/pick 0 0 0 0"
    assert all(each.by_model for each in picked.picks)


def test_a_number_that_is_no_rank_takes_back_all_before_it(session):
    before = states(session)
    with pytest.raises(UsageError, match="the number of the token must be 1 to 10, not 11"):
        pick(session, [1, 2, 11])

    assert states(session) == before


def test_what_was_picked_is_saved_restored_and_computed_again_to_the_last_bit(session, tmp_path, registry):
    pick(session, [2, 1, MODEL, 3])
    session.save(tmp_path / "picked.safetensors")
    restored = Session.restore(tmp_path / "picked.safetensors", session.model, strategies=registry.strategies)
    here = states(session)
    assert states(restored) == here
    restored.snapshot_mb = 0
    for _ in range(5):
        restored.undo_tokens()
        restored.redo()
    assert states(restored) == here


def test_looking_moves_nothing(session, unmoved):
    before, explorer = unmoved(session), Explorer(session)
    explorer.move(-2)
    taken = explorer.choice
    explorer.select(1)
    view = explorer.view
    explorer.move(-99)
    explorer.enter()
    explorer.move(99)

    assert taken.taken
    assert (view.before, view.taken, view.after) == ("abcd"[: len(view.before)], taken.text, view.after)
    assert view.before + view.taken + view.after == session.text().text
    assert (explorer.position, unmoved(session)) == (session.position, before)


def test_space_starts_a_branch_with_the_selected_token_and_right_follows_it_again(session):
    ids, explorer = session.ids(), Explorer(session)
    explorer.move(-2)
    place = explorer.position
    explorer.select(1 if explorer.selected == 0 else -1)
    token = explorer.choice.id
    explorer.enter()
    assert explorer.message.startswith("nobody took ")
    explorer.fork()

    assert (session.branch, session.ids(), explorer.position) == ("main.2", [*ids[:place], token], place + 1)
    explorer.move(-1)
    explorer.take(next(each.rank for each in explorer.shown.choices if each.id == ids[place]))
    assert (session.branch, explorer.position, session.ids()) == ("main", place + 1, ids)
    explorer.move(-1)
    assert explorer.branches_with() == {token: "main.2"}
    explorer.take(next(each.rank for each in explorer.shown.choices if each.id == token))
    assert (session.branch, explorer.message) == ("main.2", "branch main.2")
    assert len(session.branches()) == 2


def test_a_digit_at_the_end_continues_this_branch_and_space_begins_another(session):
    ids, explorer = session.ids(), Explorer(session)
    first = explorer.shown.choices[0].id
    explorer.take(1)
    assert (session.branch, session.ids()) == ("main", [*ids, first])
    explorer.undo()
    assert (session.ids(), explorer.position) == (ids, len(ids))
    explorer.fork()
    assert (session.branch, session.ids()) == ("main.2", [*ids, first])
    explorer.undo()
    explorer.undo()
    assert explorer.message == "nothing to undo here"
    assert [each.name for each in session.branches()] == ["main"]


def test_space_at_the_token_that_was_taken_starts_an_empty_branch_there(session):
    ids, explorer = session.ids(), Explorer(session)
    explorer.move(-1)
    explorer.fork()

    assert (session.branch, session.ids(), explorer.position) == ("main.2", ids[:-1], len(ids) - 1)


def test_a_digit_without_a_choice_says_so(tiny):
    explorer = Explorer(tiny)
    explorer.take(99)

    assert explorer.message == "there is no choice 99"


def test_models_of_others_are_chosen_from_by_hand(third_party):
    third_party.begin_turn("/pick")
    found, top = alternatives(third_party, 7, 5), third_party.top(5)
    tree = TreeSearch(third_party, 3, 0.7)
    list(tree.steps())
    words = next_words(third_party, 3)
    picked = pick(third_party, [2, MODEL])
    explorer = Explorer(third_party)
    explorer.move(-3)
    explorer.select(1 if explorer.selected == 0 else -1)
    explorer.fork()

    assert [each.id for each in found.choices] == [each.id for each in top.tokens]
    assert [each.id for each in tree.found().nodes] == [each.id for each in top.tokens][: len(tree.found().nodes)]
    assert words.covered + words.rest == pytest.approx(1.0)
    assert len(words.words) == 3
    assert picked.picks[0].id == top.tokens[1].id
    assert (third_party.branch, third_party.position) == ("main.2", 7)


def test_interventions_hold_for_what_is_chosen_after_them_and_not_for_what_was_before(tiny):
    before = [each.log_prob for each in alternatives(tiny, 2, 9).choices]
    words = next_words(tiny, 3)
    tiny.begin_turn()
    tiny.intervene([Clamp("0[3]", 0, (3,), np.float32(2))])
    here = alternatives(tiny, 3, 5)

    assert [each.log_prob for each in here.choices] == [each.log_prob for each in tiny.top(5).tokens]
    assert next_words(tiny, 3) != words
    assert [each.log_prob for each in alternatives(tiny, 2, 9).choices] == before
    pick(tiny, [1])
    assert tiny.state[0, 3] == 2
    rank = next(each.rank for each in alternatives(tiny, 2, 9).choices if not each.taken)
    take(tiny, 2, rank)
    assert tiny.state[0, 3] != 2
