"""States that the user gives: each is a turn with a new text, which undo, branches and saved sessions treat as any."""

from __future__ import annotations

import numpy as np
import pytest

from seqshell import CheckpointError, UsageError
from seqshell.decoding.strategies import Greedy, Sample
from seqshell.inspect.addresses import find_state
from seqshell.models import file
from seqshell.session import Session
from seqshell.testing import tiny_classification_model, tiny_forecast_model, tiny_model, tiny_translation_model

STRATEGIES = {"greedy": Greedy, "sample": Sample}


def bits(session):
    return session.here.state.tobytes(), session.here.outputs.tobytes()


@pytest.fixture
def session(session):
    session.begin_turn("abc")
    session.feed("abcdefgh" * 5)
    return session


def give(session, address):
    session.begin_turn(f"/state load {address}")
    return session.set_state(find_state(session, address))


def test_a_state_is_a_copy_that_can_be_edited_and_given_back(session):
    state, before = session.state, bits(session)
    state[0, 3] = 2
    assert bits(session) == before

    session.begin_turn()
    moved = session.set_state(state)
    assert session.here.state[0, 3] == 2
    assert (moved.position, moved.was, moved.state, moved.undo_path) == (0, 40, "a given state", "/undo goes back")
    session.undo()
    assert bits(session) == before
    session.redo()
    assert session.here.state[0, 3] == 2


def test_the_text_begins_anew_and_the_tail_shows_what_was_before(session):
    moved = give(session, "@10")
    assert (session.text().text, session.tail, moved.state) == ("", "abcdefghab", "main@10")
    session.feed("cd")
    assert (session.text().text, session.tail, session.position) == ("cd", "abcdefghabcd", 2)
    assert session.branches()[0].text == "cd"


def test_a_branch_without_a_text_says_where_its_state_is_from(session):
    give(session, "@10")
    assert session.branches()[0].text == "state of main@10"


def test_answers_after_it_equal_those_after_the_text(session, joined):
    session.begin_turn()
    expected = joined(session.generate(20, strategy="greedy"))
    session.undo()
    give(session, "here")
    session.begin_turn()
    assert joined(session.generate(20, strategy="greedy")) == expected
    list(session.regenerate(2))
    assert [branch.name for branch in session.branches()] == ["main", "main.2", "main.3"]


def test_undo_counts_it_as_one_turn_and_shows_where_it_leads(session):
    give(session, "@10")
    session.begin_turn()
    session.feed("abcd")
    moved = session.undo()
    assert (moved.position, moved.removed, moved.state) == (0, 4, "main@10")
    moved = session.undo()
    assert (moved.position, moved.state) == (40, "")
    assert session.redo(2).position == 4


def test_a_reset_from_it_goes_to_the_initial_state(session):
    give(session, "@10")
    session.begin_turn()
    session.reset()
    assert bits(session) == bits(Session(tiny_model()))
    session.undo()
    assert session.here.state.tobytes() == find_state(session, "here").state.tobytes()
    assert session.behaviour.cursor.timeline.given(session.here.node).name == "main@10"


@pytest.mark.parametrize("budget", [256, 0.002, 0])
def test_it_is_saved_with_the_session_whatever_the_memory_for_snapshots(budget, tmp_path):
    session = Session(tiny_model(), strategies=STRATEGIES, snapshot_mb=budget)
    session.feed("abcdefgh" * 9)
    state = session.state
    state[0, :2] = 1, -1
    session.set_state(state)
    root = bits(session)
    session.feed("abcdefgh" * 9)
    end = bits(session)
    session.branch_off("other")
    session.set_state(find_state(session, "zero"))

    session.save(tmp_path / "saved.safetensors")
    back = Session.restore(tmp_path / "saved.safetensors", tiny_model(), strategies=STRATEGIES, snapshot_mb=budget)
    assert bits(back) == bits(session)
    back.checkout("main")
    assert bits(back) == end
    back.rewind(0)
    assert bits(back) == root
    assert back.undo().position == 72
    given = back.behaviour.cursor.timeline.givens
    assert given == session.behaviour.cursor.timeline.givens
    assert sorted(each.name for each in given.values()) == ["a given state", "zero"]


def test_a_session_saved_without_given_states_has_none(session, tmp_path):
    session.save(tmp_path / "saved.safetensors")
    assert "givens" not in file.read(tmp_path / "saved.safetensors")[1]


def no_snapshot(tensors):
    tensors["givens"] = np.frombuffer(b'[[0, "x", "", 0, []]]', np.uint8)


def not_a_root(tensors):
    tensors["givens"] = np.frombuffer(b'[[3, "x", "", 0, []]]', np.uint8)


def no_list(tensors):
    tensors["givens"] = np.frombuffer(b"[3]", np.uint8)


def negative(tensors):
    tensors["givens"] = np.frombuffer(b'[[0, "x", "", -1, []]]', np.uint8)


@pytest.mark.parametrize("damage", [no_snapshot, not_a_root, no_list, negative], ids=lambda each: each.__name__)
def test_a_damaged_given_state_is_refused(session, tmp_path, damage):
    path = tmp_path / "saved.safetensors"
    session.save(path)
    header, tensors = file.read(path)
    damage(tensors)
    file.write(path, header, tensors)
    with pytest.raises(CheckpointError, match="is damaged"):
        Session.restore(path, tiny_model(), strategies=STRATEGIES)


def test_a_translation_continues_from_a_state_with_its_source(tmp_path):
    session = Session(tiny_translation_model(), strategies=STRATEGIES)
    list(session.translate("the cat", 6))
    words = session.text().text.split()
    give(session, "@2")
    events = list(session.regenerate(1, 4))
    assert session.text().text.split() == words[2:]
    assert events[-1].source == "the cat"

    session.save(tmp_path / "saved.safetensors")
    back = Session.restore(tmp_path / "saved.safetensors", session.model, strategies=STRATEGIES)
    assert bits_of_all(back) == bits_of_all(session)
    back.rewind(0)
    session.rewind(0)
    assert bits_of_all(back) == bits_of_all(session)


def bits_of_all(session):
    return [leaf.tobytes() for leaf in session.here.state] + [session.here.outputs.tobytes()]


def test_a_label_and_a_forecast_follow_from_the_given_state():
    session = Session(tiny_classification_model())
    session.classify("abc")
    expected = session.label().probs
    give(session, "here")
    assert session.label().probs == expected

    session = Session(tiny_forecast_model())
    session.observe([1.0, 3.0])
    expected = session.forecast().values.tolist()
    give(session, "here")
    assert session.forecast().values.tolist() == expected
    session.observe([2.0])
    assert session.forecast().history.tolist() == [[2.0]]


def test_a_model_that_reads_whole_texts_has_no_state():
    session = Session(tiny_classification_model(causal=False))
    assert session.state == ()
    with pytest.raises(UsageError, match="reads whole texts and has no state"):
        session.set_state(())


def test_a_session_that_is_held_still_takes_no_state(session):
    with session.held_still("no"), pytest.raises(UsageError, match="no"):
        session.set_state(session.state)
