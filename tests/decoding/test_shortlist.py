"""Samplers that share one sort leave the same logits, and draw the same tokens, as one after the other."""

import itertools
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from seqshell import Divide, KeepBest, PluginError, SampleContext, choose
from seqshell.core.shortlist import FEW
from seqshell.decoding.chain import Chain
from seqshell_samplers.penalties import RepeatPenalty
from seqshell_samplers.temperature import Temperature
from seqshell_samplers.truncation import MinP, TopK, TopP, TypicalP

SAMPLERS = [
    *(TopK(k) for k in (0, 1, 2, 7, 40)),
    *(TopP(p) for p in (0.0, 0.3, 0.5, 0.95, 1.0)),
    *(MinP(p) for p in (0.0, 0.05, 0.5, 1.0)),
    *(TypicalP(p) for p in (0.0, 0.2, 0.9, 1.0)),
    *(Temperature(t) for t in (0.0, 1e-3, 0.3, 0.8, 1.0, 3.0, 100.0)),
]
CONTEXT = SampleContext(tokens=(1, 2, 1))


def logits_of(number: int, size: int) -> np.ndarray:
    """Logits of a kind that depends on the number: smooth, with ties, with holes, sharp, all alike."""
    random = np.random.default_rng(number)
    smooth = random.normal(0, random.choice([0.1, 3, 30]), size)
    kinds = (
        smooth,
        smooth.round(1),
        np.where(random.random(size) < 0.3, -np.inf, smooth),
        np.where(np.arange(size) == size // 2, 60.0, -60.0),
        np.zeros(size),
    )
    found = kinds[number % len(kinds)].astype(np.float32)
    found[number % size] = 1
    return found


def one_by_one(samplers, outputs):
    logits = outputs.astype(np.float64)
    for sampler in samplers:
        logits = sampler(logits, CONTEXT)
    return logits


def chains():
    """Every sampler alone, every pair, and some longer chains."""
    yield from ([each] for each in SAMPLERS)
    yield from map(list, itertools.product(SAMPLERS, SAMPLERS))
    random = np.random.default_rng(0)
    for _ in range(200):
        yield [SAMPLERS[index] for index in random.integers(0, len(SAMPLERS), random.integers(3, 6))]


@pytest.mark.parametrize("size", [1, 2, 65, 2 * FEW])
def test_shared_and_separate_samplers_leave_the_same_bits(size):
    by_rules = 0
    for number, samplers in enumerate(itertools.islice(chains(), None, None, 1 + 3 * (size > FEW))):
        outputs = logits_of(number, size)
        chain = Chain(samplers)
        expected = one_by_one(samplers, outputs)

        assert chain.logits(outputs, CONTEXT).tobytes() == expected.tobytes(), samplers
        left = chain.shortlist_by_rules(outputs)
        if left is not None:
            by_rules += 1
            u = np.random.default_rng(number).random()
            assert left.logits().tobytes() == expected.tobytes(), samplers
            assert left.best() == expected.argmax()
            assert left.draw(u) == choose(np.exp(expected - expected.max()), u), samplers
    assert by_rules > number / 2


def test_the_usual_chain_is_never_sorted_twice():
    samplers = [TopK(40), TopP(0.95), MinP(0.05), Temperature(0.8)]

    assert all(Chain(samplers).shortlist_by_rules(logits_of(5 * number, 65)) is not None for number in range(50))


def test_where_the_order_of_a_sum_decides_the_sampler_is_called():
    outputs = np.zeros(10, np.float32)  # 0.3 of 10 equal ones: 3, or with another rounding 4
    chain = Chain([TopP(0.3)])

    assert chain.shortlist_by_rules(outputs) is None
    assert chain.logits(outputs, CONTEXT).tolist() == TopP(0.3)(outputs.astype(np.float64), CONTEXT).tolist()


@dataclass(frozen=True)
class Cool:
    """A sampler of a plugin whose rules are those of others."""

    name: ClassVar[str] = "cool"
    calls: ClassVar[list[int]] = []

    @property
    def rules(self):
        return KeepBest(2), Divide(0.5)

    def __call__(self, logits, context):
        self.calls.append(1)
        return TopK(2)(logits, context) / 0.5


def test_the_rules_of_a_plugin_are_applied_between_samplers_that_are_called():
    outputs = np.array([1, 2, 3, 4], np.float32)
    samplers = [RepeatPenalty(2.0), Cool(), MinP(0.5), RepeatPenalty(0.5)]

    assert Chain(samplers).logits(outputs, CONTEXT).tolist() == one_by_one(samplers, outputs).tolist()
    assert len(Cool.calls) == 1  # by `one_by_one`


@dataclass(frozen=True)
class Faulty:
    name: ClassVar[str] = "faulty"

    @property
    def rules(self):
        return (KeepBest("three"),)

    def __call__(self, logits, context):
        return logits


def test_rules_that_fail_name_their_sampler():
    with pytest.raises(PluginError, match=r"the sampler faulty .*failed in rules: TypeError"):
        Chain([TopK(3), Faulty()]).shortlist_by_rules(np.zeros(5, np.float32))
