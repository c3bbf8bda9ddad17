"""The use of gates, against values that were computed by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.inspect.one_unit import one_unit

from seqshell.core.errors import UsageError
from seqshell.inspect.gates import GateUse, half_life
from seqshell.session import Session
from seqshell.testing import tiny_model
from seqshell.testing.tiny_language_model import TinyDecoder


def sigmoid(value):
    return 1 / (1 + np.exp(-value))


def used(session, text):
    use = GateUse(session, session.behaviour.encode(text), None)
    list(use.steps())
    return {each.gate: each for each in use.gates().gates}


def test_the_gates_of_one_unit_are_those_computed_by_hand():
    """sigmoid(-4) = 0.018 is left-saturated, sigmoid(0) = 0.5 is not, sigmoid(4) = 0.982 is right-saturated."""
    found = used(Session(one_unit()), "aaabbccccc")

    assert list(found) == ["input[0]", "forget[0]", "output[0]"]
    forget, output, entering = found["forget[0]"], found["output[0]"], found["input[0]"]
    assert (forget.left, forget.right) == ((0.3,), (0.5,))
    assert (output.left, output.right) == ((0.5,), (0.3,))
    assert (entering.left, entering.right) == ((0.0,), (0.0,))
    mean = (3 * sigmoid(-4) + 2 * 0.5 + 5 * sigmoid(4)) / 10
    assert forget.mean[0] == pytest.approx(mean)
    assert forget.half_lives[0] == pytest.approx(np.log(0.5) / np.log(mean))
    assert forget.units == ("cell[0,0]",)
    assert output.half_lives == ()


def test_the_cell_halves_in_the_half_life():
    """From a cell of 1, with nothing added, f = sigmoid(4) at each step."""
    length = used(Session(one_unit()), "ccc")["forget[0]"].half_lives[0]

    assert sigmoid(4) ** length == pytest.approx(0.5, rel=1e-5)
    assert [half_life(0.5), half_life(0.0), half_life(1.0)] == [1, 0, None]


class TracedDecoder(TinyDecoder):
    """The tiny decoder, whose trace also tells two gates without layers, and three arrays that are no gates."""

    def trace(self, inputs, state):
        outputs, states = [], []
        for column in inputs.T:
            row, state = self.step(column, state)
            outputs.append(row)
            states.append(state)
        hidden = np.stack(states, 1)
        half = np.full_like(hidden, 0.5)
        shown = {"0": hidden, "update": half, "gate": np.abs(hidden), "wide": 3 * half, "candidate": half}
        return np.stack(outputs, 1), state, shown | {"counts": np.ones(inputs.shape, np.int64)}


def test_what_lies_between_0_and_1_is_a_gate_unless_it_is_the_candidate_or_the_state():
    session = Session(replace(tiny_model(), decoder=TracedDecoder(tiny_model().tokenizer.size)))
    text = "abcdefgh" * 100
    found = used(session, text)
    list(session.behaviour.navigator.reading(session.behaviour.encode(text)))
    states = np.abs(np.array([session.ancestor(back).state[0] for back in range(len(text))]))

    assert list(found) == ["update", "gate"]
    assert found["update"].half_lives == (1.0,) * 8
    assert found["gate"].left == pytest.approx((states < 0.1).mean(0))
    assert found["gate"].right == pytest.approx((states > 0.9).mean(0))
    assert found["gate"].mean == pytest.approx(states.mean(0), rel=1e-5)
    assert found["gate"].units[:2] == ("0[0]", "0[1]")


def test_a_model_without_gates_says_so_in_one_line(tiny, odd):
    for session in (tiny, odd):
        with pytest.raises(UsageError, match=r"shows no gates: the decoder of elman has no trace that tells them"):
            used(session, "abc")


def test_the_gates_of_a_model_of_others_are_seen(third_party):
    if third_party.model.name != "mingru":
        with pytest.raises(UsageError, match="selective shows no gates"):
            used(third_party, "abc")
        return
    found = used(third_party, "abcabc")

    assert list(found) == ["forget[0]", "forget[1]"]
    assert found["forget[1]"].units[5] == "0[1,5]"
    assert all(length > 0 for length in found["forget[0]"].half_lives)
