"""Addresses: which unit or state a text means, and what is said if it means none."""

from __future__ import annotations

import numpy as np
import pytest

from seqshell.core.errors import CheckpointError, UsageError
from seqshell.inspect import saved_states
from seqshell.inspect.addresses import describe_leaves, find_state, parse_unit
from seqshell.session import Session
from seqshell.testing import tiny_model

UNITS = {
    "layers[1,2]": lambda state: state.layers[0, 1, 2],
    "layers[ 1, 2 ]": lambda state: state.layers[0, 1, 2],
    "layers[1]": lambda state: state.layers[0, 1],
    "layers": lambda state: state.layers[0],
    "keys[2,3]": lambda state: state.keys[0, 2, 3],
    "phase[0]": lambda state: state.phase[0, 0],
    "started": lambda state: state.started[0],
    "rest.0[0]": lambda state: state.rest[0][0, 0],
    "rest.1[1,0,1]": lambda state: state.rest[1][0, 1, 0, 1],
}


@pytest.mark.parametrize("address", UNITS)
def test_a_unit_is_the_part_of_the_state_that_numpy_gives_for_it(odd, address):
    unit = parse_unit(address, odd.here.state)

    assert np.array_equal(unit.of(odd.here.state), UNITS[address](odd.here.state))
    assert str(unit) == "".join(address.split())


def test_a_state_of_one_array_has_the_leaf_0(tiny):
    assert parse_unit("0[3]", tiny.here.state).of(tiny.here.state) == tiny.here.state[0, 3]
    assert parse_unit("0", tiny.here.state).of(tiny.here.state).tolist() == tiny.here.state[0].tolist()


def test_writing_to_a_unit_changes_nothing_else_and_not_the_old_state(odd):
    before = odd.state
    after = parse_unit("layers[1,2]", before).put(odd.here.state, 7)

    assert after.layers[0, 1, 2] == 7
    assert np.array_equal(after.layers[0, 0], before.layers[0, 0])
    assert np.array_equal(odd.here.state.layers, before.layers)
    assert after.keys is odd.here.state.keys


def test_a_negative_index_counts_from_the_end_which_is_the_newest_place_of_a_leaf_that_grows(odd):
    newest = parse_unit("keys[1,-1]", odd.here.state)
    for _ in range(2):
        assert str(newest) == "keys[1,-1]"
        assert newest.of(odd.here.state) == odd.here.state.keys[0, 1, odd.position - 1]
        odd.feed("a")


WRONG_UNITS = {
    "layer[0]": "no leaf 'layer'; did you mean layers?",
    "cell": "no leaf 'cell'; available: layers, keys, phase, last, started, rest.0, rest.1",
    "layers[2,0]": r"layers\[2,0\] is outside layers, which goes from layers\[0,0\] to layers\[1,2\]",
    "layers[0,0,0]": r"layers\[0,0,0\] is outside layers, which goes from layers\[0,0\] to layers\[1,2\]",
    "started[0]": r"started\[0\] is outside started, which has only started",
    "layers[-3]": r"layers\[-3\] is outside layers, which goes from layers\[0,0\] to layers\[1,2\]",
    "layers[--1]": r"'layers\[--1\]' is no unit; write a leaf with indices from 0, such as layers\[1,2\]",
    "layers[0": r"'layers\[0' is no unit",
    "layers[a]": "is no unit",
    "": "'' is no unit",
}


@pytest.mark.parametrize("address", WRONG_UNITS)
def test_a_unit_that_does_not_exist_is_an_error_with_the_range_or_the_names(odd, address):
    with pytest.raises(UsageError, match=WRONG_UNITS[address]):
        parse_unit(address, odd.here.state)


def test_a_leaf_that_is_still_empty_says_so(odd):
    odd.reset()
    with pytest.raises(UsageError, match=r"keys\[0,0\] is outside keys, which is empty in this state"):
        parse_unit("keys[0,0]", odd.here.state)


def test_the_leaves_are_described_with_their_sizes_and_ranges(odd):
    described = describe_leaves(odd.here.state)

    assert described["layers"] == "2 x 3 float32, layers[0,0] to layers[1,2]"
    assert described["started"] == "bool"
    assert list(described) == ["layers", "keys", "phase", "last", "started", "rest.0", "rest.1"]


@pytest.fixture
def session(tiny):
    """A session with the branches main at 3 and other at 5, which is current, and a saved state."""
    saved_states.save_state("quotes", tiny)
    tiny.branch_off("other")
    tiny.feed("de")
    return tiny


@pytest.mark.parametrize(
    ("address", "text", "name"),
    [
        ("here", "abcde", "other@5"),
        ("other", "abcde", "other@5"),
        ("main", "abc", "main@3"),
        ("@0", "", "other@0"),
        ("@4", "abcd", "other@4"),
        ("main@2", "ab", "main@2"),
        ("quotes", "abc", "quotes"),
    ],
)
def test_a_state_is_that_after_the_text_up_to_its_place(session, bits, address, text, name):
    expected = Session(tiny_model())
    expected.feed(text)
    found = find_state(session, address)

    assert bits(found) == bits(expected.here)
    assert (found.given.name, found.given.text, found.given.position) == (name, text, len(text))


def test_zero_is_the_initial_state(session, bits):
    assert bits(find_state(session, "zero")) == bits(Session(tiny_model()).here)


def test_a_state_that_was_thinned_out_is_computed_again_in_at_most_32_steps(bits):
    whole, thinned = Session(tiny_model()), Session(tiny_model(), snapshot_mb=0.003)
    for session in (whole, thinned):
        for letter in "abcdefgh" * 30:
            session.feed(letter)
    assert thinned.behaviour.cursor.store.is_thinned
    assert thinned.behaviour.cursor.store.stride == 32

    for position in (0, 31, 32, 33, 101, 240):
        assert bits(find_state(thinned, f"@{position}")) == bits(find_state(whole, f"@{position}"))


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("@6", "'@6' is outside other, which goes from @0 to @5"),
        ("main@4", "'main@4' is outside main, which goes from @0 to @3"),
        ("@x", "'@x' is outside other"),
        ("@-1", "'@-1' is outside other"),
        ("man@2", "no branch 'man'; did you mean main?"),
        ("quots", "no state 'quots'; did you mean quotes?"),
        ("zzz", "no state 'zzz'; available: here, zero, main, other, quotes"),
    ],
)
def test_a_state_that_does_not_exist_is_an_error_with_the_range_or_the_names(session, unmoved, address, message):
    before = unmoved(session)
    with pytest.raises(UsageError, match=message):
        find_state(session, address)
    assert unmoved(session) == before


def test_a_name_of_a_branch_and_a_saved_state_is_ambiguous(session):
    session.branch_off("quotes")
    with pytest.raises(UsageError, match="quotes is a branch and a saved state") as caught:
        find_state(session, "quotes")
    assert caught.value.hint == "quotes@POSITION, or the path of the file"
    assert find_state(session, "quotes@5").given.name == "quotes@5"


def test_a_dropped_state_and_a_missing_file_are_errors(session):
    saved_states.drop("quotes")
    with pytest.raises(UsageError, match="no state 'quotes'"):
        find_state(session, "quotes")
    with pytest.raises(CheckpointError, match="no file"):
        find_state(session, "./quotes.safetensors")
    with pytest.raises(CheckpointError, match="no saved state 'quotes': none exists yet; /state save NAME saves one"):
        saved_states.drop("quotes")
