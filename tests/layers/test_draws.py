"""Blocks of tokens that kernels draw and read, against a step and a draw at a time."""

from importlib import import_module

import numpy as np
import pytest
from tests.layers.stacks import V, stacks

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


@pytest.fixture
def large(compiled, monkeypatch):
    """A stack whose vocabulary counts as large."""
    monkeypatch.setattr(import_module("seqshell.layers.compiled"), "LEAST_BYTES", 1)
    return stacks(LSTMLayer, 20)[1]


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize(
    "rules", [(KeepBest(5), Divide(2.0)), (Divide(0.7), KeepNear(-1.5), KeepMass(0.7)), (KeepBest(20), KeepMass(0.9))]
)
def test_int8_candidates_of_a_large_vocabulary_draw_the_tokens_and_bits_of_single_steps(large, rules):
    outputs, state = large.step(np.array([3]), large.initial_state())
    numbers = np.random.default_rng(1).random(8).tolist()
    for excluded in ((), (0, 7)):
        expected = list(one_by_one(large, outputs, state, rules, excluded, numbers))
        ids, rows, states = large.draw_block(outputs, state, rules, excluded, numbers)

        assert ids == [token for token, _, _ in expected]
        for row, after, (_, right, wanted) in zip(rows, states, expected, strict=True):
            assert row.tobytes() == right.tobytes()
            assert [leaf.tobytes() for leaf in leaves(after)] == [leaf.tobytes() for leaf in leaves(wanted)]


@pytest.mark.usefixtures("compiled")
def test_the_candidates_are_few_and_have_all_that_the_rule_keeps(large):
    from seqshell.layers.large_vocabulary import RoughReadout

    rough = RoughReadout(large._exact[1])
    for seed in range(20):
        hidden = np.tanh(np.random.default_rng(seed).normal(size=(1, 20))).astype(np.float32)
        logits = large.read_out(hidden)[0]
        for k in (1, 5):
            found = rough._candidates(hidden, (KeepBest(k),), (2,)).tolist()
            best = [token for token in logits.argsort()[::-1].tolist() if token != 2][:k]
            assert set(best) <= set(found)
            assert 2 not in found
            assert len(found) <= 40


@pytest.mark.usefixtures("compiled")
def test_rules_that_need_all_logits_and_too_many_candidates_leave_the_draw_to_the_host(large, monkeypatch):
    outputs, state = large.step(np.array([3]), large.initial_state())
    assert large.draw_block(outputs, state, (Divide(0.8),), (), [0.5]) is None
    assert large.draw_block(outputs, state, (KeepMass(0.9), KeepBest(5)), (), [0.5]) is None
    monkeypatch.setattr(import_module("seqshell.layers.large_vocabulary"), "MOST", 9)
    rules = (KeepNear(-100.0),)
    for _ in range(2):
        ids, rows, states = large.draw_block(outputs, state, rules, (), [0.5, 0.5])
        assert (len(ids), len(rows), len(states)) == (1, 1, 1)  # the first, whose logits are known
        assert large.draw_block(outputs, state, rules, (), [0.5, 0.5]) is None
