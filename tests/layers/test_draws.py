"""Blocks of tokens that kernels draw and read, against a step and a draw at a time."""

import numpy as np
import pytest
from tests.layers.test_compiled import V, stacks

from seqshell import Divide, KeepBest, KeepMass, KeepNear, KeepTypical
from seqshell.core.shortlist import Shortlist
from seqshell.core.state import leaves
from seqshell.layers.cells import GRULayer, LSTMLayer, TanhLayer

RULES = [
    (),
    (Divide(0.8),),
    (KeepBest(5), Divide(2.0)),
    (KeepMass(0.9),),
    (KeepMass(0.0),),
    (KeepNear(-1.5), KeepMass(0.7)),
    (KeepBest(20), KeepMass(0.95), KeepNear(-3.0), Divide(0.8)),
    (Divide(1.3), KeepMass(0.5), KeepBest(3)),
]


def one_by_one(stack, outputs, state, rules, excluded, numbers):
    """The same with steps, and a Shortlist for each draw."""
    for number in numbers:
        logits = outputs[0].astype(np.float64)
        logits[list(excluded)] = -np.inf
        left = Shortlist(logits, logits.max())
        for rule in rules:
            rule.apply(left)
        assert left.certain
        token = left.draw(number)
        outputs, state = stack.step(np.array([token]), state)
        yield token, outputs, state


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("rules", RULES, ids=str)
@pytest.mark.parametrize("cell", [LSTMLayer, GRULayer, TanhLayer])
def test_a_block_has_the_tokens_and_bits_of_single_steps(cell, rules):
    _, stack = stacks(cell, 20, residual=cell is GRULayer)
    outputs, state = stack.step(np.array([3]), stack.initial_state())
    numbers = np.random.default_rng(1).random(40).tolist()
    for excluded in ((), (0, 7)):
        expected = list(one_by_one(stack, 9 * outputs, state, rules, excluded, numbers))
        ids, rows, states = stack.draw_block(9 * outputs, state, rules, excluded, numbers)

        assert ids == [token for token, _, _ in expected]
        for row, after, (_, right, wanted) in zip(rows, states, expected, strict=True):
            assert row.tobytes() == right.tobytes()
            assert [leaf.tobytes() for leaf in leaves(after)] == [leaf.tobytes() for leaf in leaves(wanted)]


@pytest.mark.usefixtures("compiled")
def test_a_block_ends_before_a_token_that_is_not_certain():
    _, stack = stacks(LSTMLayer, 20)
    outputs, state = stack.step(np.array([3]), stack.initial_state())

    def drawn(logits, rules, *numbers):
        return stack.draw_block(np.array([logits], np.float32), state, rules, (), numbers)[0]

    alike = np.zeros(V)
    assert drawn(alike, (), 0.5 / V) == [0]
    assert drawn(alike, (), 2 / V) == []  # between the third and the fourth
    assert drawn(alike, (), 0.0) == []
    assert drawn(alike, (KeepMass(0.5),), 0.5) == [16]
    assert drawn([1.0] * 10 + [0.0] * (V - 10), (KeepMass(10 * np.e / (10 * np.e + V - 10)),), 0.5) == []
    assert drawn([np.nan] * V, (), 0.5) == drawn([-np.inf] * V, (), 0.5) == drawn([np.inf] * V, (), 0.5) == []
    for rules, excluded in (((KeepTypical(0.5),), ()), ((KeepBest("two"),), ()), ((), (V,)), ((), (-1,))):
        assert stack.draw_block(outputs, state, rules, excluded, [0.5]) is None
