"""Edits: mixing two states, writing and adding numbers; the outputs follow, or the user is told that they do not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.inspect.conftest import OddDecoder, odd_model

from seqshell.core.errors import UsageError
from seqshell.core.state import leaves
from seqshell.inspect import editing
from seqshell.inspect.addresses import find_state, parse_unit
from seqshell.session import Session
from seqshell.session.state_record import changed


def edited(session, unit, value, edit=editing.written):
    state = session.here.state
    return edit(state, parse_unit(unit, state), value)


def test_setting_writes_one_number_or_a_whole_layer(odd):
    assert edited(odd, "layers[1,2]", "0.5").layers[0, 1, 2] == 0.5
    assert edited(odd, "layers[1]", "-2").layers[0].tolist() == [odd.here.state.layers[0, 0].tolist(), [-2, -2, -2]]
    assert edited(odd, "phase[1]", "1+2j").phase[0, 1] == 1 + 2j
    assert edited(odd, "last[0]", "3").last.tolist() == [[3, odd.here.state.last[0, 1]]]
    assert edited(odd, "started", "0").started.tolist() == [False]


def test_adding_adds_to_one_number_or_a_whole_layer(odd):
    before = odd.here.state
    after = edited(odd, "layers[1]", "0.25", editing.added)

    assert after.layers[0, 1].tolist() == pytest.approx((before.layers[0, 1] + 0.25).tolist())
    assert np.array_equal(after.layers[0, 0], before.layers[0, 0])
    assert edited(odd, "last[1]", "-1", editing.added).last[0, 1] == before.last[0, 1] - 1


@pytest.mark.parametrize(
    ("unit", "value", "message"),
    [
        ("layers[0,0]", "nan", r"the value of layers\[0,0\] must be a finite number, not 'nan'"),
        ("layers[0,0]", "inf", "must be a finite number, not 'inf'"),
        ("layers[0,0]", "x", "must be a finite number, not 'x'"),
        ("layers[0]", "1e39", r"the value is too large for layers\[0\], which is float32"),
        ("last[0]", "0.5", r"the value of last\[0\] must be a whole number, not '0.5'"),
        ("last[0]", "9" * 30, r"the value is too large for last\[0\], which is int64"),
        ("started", "2", "the value of started must be 0 or 1, not '2'"),
        ("phase[0]", "1+", r"the value of phase\[0\] must be a finite number such as 1\+2j"),
    ],
)
def test_a_value_that_does_not_fit_is_an_error(odd, unit, value, message):
    with pytest.raises(UsageError, match=message):
        edited(odd, unit, value)


def test_true_or_false_cannot_be_added_to(odd):
    with pytest.raises(UsageError, match="started is true or false; /state set started 1 changes it"):
        edited(odd, "started", "1", editing.added)


@pytest.fixture
def two(odd):
    """The states after abcd and after efgh, which have the same shapes."""
    one = odd.state
    odd.reset()
    odd.feed("efgh")
    return one, odd.state


def test_mixing_is_the_weighted_sum_of_floats_and_keeps_whole_numbers(two):
    one, other = two
    found = editing.mixed(one, other, 0.25)

    for name in ("layers", "keys", "phase"):
        expected = 0.75 * getattr(one, name) + 0.25 * getattr(other, name)
        np.testing.assert_allclose(getattr(found, name), expected, rtol=1e-6)
    assert found.last.tolist() == one.last.tolist()
    assert editing.kept_leaves(one, other) == ["last"]


@pytest.mark.parametrize(("weight", "place"), [(0, 0), (1, 1)])
def test_the_weights_0_and_1_give_one_of_the_two_bit_for_bit(two, weight, place):
    found = editing.mixed(*two, weight)
    assert [leaf.tobytes() for leaf in leaves(found)] == [leaf.tobytes() for leaf in leaves(two[place])]


def test_mixing_one_part_leaves_the_rest_as_in_the_first(two):
    one, other = two
    found = editing.mixed(one, other, 0.5, parse_unit("layers[1]", one))

    np.testing.assert_allclose(found.layers[0, 1], (one.layers[0, 1] + other.layers[0, 1]) / 2, rtol=1e-6)
    assert np.array_equal(found.layers[0, 0], one.layers[0, 0])
    assert np.array_equal(found.phase, one.phase)


def test_states_of_different_lengths_cannot_be_mixed(odd):
    one = odd.state
    odd.feed("a")
    with pytest.raises(UsageError, match=r"keys has the shape \[1, 3, 4\] in one state and \[1, 3, 5\] in the other"):
        editing.mixed(one, odd.state, 0.5)
    with pytest.raises(UsageError, match=r"keys\[0,4\] is outside keys, which goes from keys\[0,0\] to keys\[2,3\]"):
        editing.mixed(odd.state, one, 0.5, parse_unit("keys[0,4]", odd.state))


def test_the_outputs_follow_the_edit(odd):
    odd.set_state(edited(odd, "layers[0]", "1"))

    expected = odd.model.decoder.state_outputs(odd.here.state)
    assert odd.here.outputs.tobytes() == expected.tobytes()


class Silent(OddDecoder):
    """It does not tell the outputs of a state."""

    state_outputs = None

    def step(self, inputs, state):
        teller = OddDecoder.__new__(OddDecoder)
        teller.__dict__ = self.__dict__
        return OddDecoder.step(teller, inputs, state)


def test_without_state_outputs_the_edit_shows_from_the_next_token_on():
    model = odd_model()
    teller, silent = Session(model), Session(replace(model, decoder=Silent(model.tokenizer.size)))
    for session in (teller, silent):
        session.feed("abcd")
    before = silent.here.outputs
    here = find_state(silent, "here")
    record = changed(silent.behaviour.cursor, here, edited(silent, "layers[0]", "1"), "edited")
    silent.set_state(record)
    teller.set_state(edited(teller, "layers[0]", "1"))

    assert record.is_stale
    assert silent.here.outputs.tobytes() == before.tobytes() != teller.here.outputs.tobytes()
    silent.feed("e")
    teller.feed("e")
    assert silent.here.outputs.tobytes() == teller.here.outputs.tobytes()


def test_an_edit_that_changes_nothing_keeps_the_outputs_bit_for_bit(odd):
    before = odd.here.outputs.tobytes()
    odd.set_state(odd.state)
    assert odd.here.outputs.tobytes() == before


class Other:
    """Something that is no state."""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda state: Other(),
            "the state does not have the leaves of odd: layers, keys, phase, last, started, rest.0",
        ),
        (lambda state: tuple(state), "the state does not have the leaves of odd"),
        (
            lambda state: state._replace(layers=state.layers[:, :1]),
            r"layers has the shape \[1, 1, 3\], and that of odd",
        ),
        (lambda state: state._replace(layers=state.layers * np.nan), r"layers\[0,0\] is NaN, and a state is numbers"),
        (lambda state: state._replace(layers=state.layers.astype(str)), "layers has numbers of the type <U"),
        (
            lambda state: state._replace(layers=state.layers * 1j),
            "layers has numbers of the type complex64, and the mod",
        ),
        (
            lambda state: state._replace(last=state.last + 0.5),
            "last has numbers of the type float64, and the model's are",
        ),
        (
            lambda state: state._replace(layers=state.layers.astype(float) * 1e99),
            "layers has numbers that are too large",
        ),
        (lambda state: state._replace(phase=state.phase + np.inf), "odd cannot go on from this state: the model odd"),
        (lambda state: state._replace(last=state.last + 50), "odd cannot go on from this state"),
    ],
)
def test_a_state_that_does_not_fit_is_refused_and_nothing_has_moved(odd, unmoved, change, message):
    before = unmoved(odd)
    with pytest.raises(UsageError, match=message):
        odd.set_state(change(odd.state))
    assert unmoved(odd) == before


def test_a_state_of_float64_becomes_the_models_float32(odd):
    state = odd.state
    odd.set_state(state._replace(layers=state.layers.astype(np.float64) / 3))

    assert odd.here.state.layers.dtype == np.float32
    assert odd.here.state.layers.tolist() == (state.layers.astype(np.float64) / 3).astype(np.float32).tolist()


def test_a_state_of_another_length_is_given_to_a_model_whose_cache_grows(odd):
    short = odd.state
    odd.feed("efgh")
    odd.set_state(short)

    assert odd.here.state.keys.shape == (1, 3, 4)
    odd.feed("a")
    assert odd.here.state.keys.shape == (1, 3, 5)
