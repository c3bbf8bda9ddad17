"""The sampler chain: order, memories, and faults that name whose they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest

from seqshell import PluginError, SampleContext, UsageError
from seqshell.decoding.chain import Chain, is_about_chance
from seqshell.decoding.probabilities import log_probs

HERE = SampleContext(tokens=[1, 2], generated=1, position=2)
OUTPUTS = np.array([1, 2, 3], np.float32)


@dataclass(frozen=True)
class Scaled:
    name: ClassVar[str] = "scaled"
    factor: float = 2.0

    def __call__(self, logits, context):
        return logits * self.factor


@dataclass(frozen=True)
class Raised:
    name: ClassVar[str] = "raised"
    about_chance: ClassVar[bool] = True
    amount: float = 1.0

    def __call__(self, logits, context):
        return logits + self.amount


@dataclass(frozen=True)
class Counted:
    """Adds to every logit how many tokens were drawn, and remembers their log-probabilities too."""

    name: ClassVar[str] = "counted"

    def __call__(self, logits, context):
        return logits + len(context.memory or ())

    def update(self, memory, token, log_probs):
        return (*(memory or ()), (token, float(log_probs[token])))


@dataclass(frozen=True)
class Faulty:
    """Returns, or raises, what it is told to."""

    name: ClassVar[str] = "faulty"
    result: Any = None

    def __call__(self, logits, context):
        if isinstance(self.result, Exception):
            raise self.result
        return self.result

    def update(self, memory, token, log_probs):
        raise KeyError("gone")


def test_samplers_run_in_their_order_in_float64():
    assert Chain([Scaled(), Raised()]).logits(OUTPUTS, HERE).tolist() == [3, 5, 7]
    assert Chain([Raised(), Scaled()]).logits(OUTPUTS, HERE).tolist() == [4, 6, 8]
    assert Chain([]).logits(OUTPUTS, HERE).dtype == np.float64


def test_the_outputs_are_not_written_to_even_by_a_sampler_that_writes():
    @dataclass(frozen=True)
    class Writing:
        name: ClassVar[str] = "writing"

        def __call__(self, logits, context):
            logits[0] = 9
            return logits

    outputs = np.array([1.0, 2.0, 3.0])
    assert Chain([Writing()]).logits(outputs, HERE).tolist() == [9, 2, 3]
    assert outputs.tolist() == [1, 2, 3]


def test_every_sampler_finds_its_own_memory_and_the_same_context():
    seen = []

    @dataclass(frozen=True)
    class Looking:
        name: ClassVar[str] = "looking"

        def __call__(self, logits, context):
            seen.append(context)
            return logits

    Chain([Looking(), Counted(), Looking()]).logits(OUTPUTS, HERE, (5, ((0, -1.0),), None))
    assert [context.memory for context in seen] == [5, None]
    assert all((context.tokens, context.generated, context.position) == ([1, 2], 1, 2) for context in seen)


def test_memories_move_on_with_every_draw_and_only_where_a_sampler_remembers():
    chain = Chain([Scaled(), Counted()])
    assert chain.first_memories() == (None, None)
    logits = chain.logits(OUTPUTS, HERE)
    memories = chain.updated(chain.first_memories(), 2, logits)

    assert memories == (None, ((2, pytest.approx(log_probs(2 * OUTPUTS)[2])),))
    assert chain.logits(OUTPUTS, HERE, memories).tolist() == [3, 5, 7]
    assert Chain([Scaled()]).updated((None,), 2, logits) == (None,)


def test_excluded_ids_are_never_left():
    logits = Chain([Scaled()], excluded=frozenset({0, 2})).logits(OUTPUTS, HERE)
    assert logits.tolist() == [-np.inf, 4, -np.inf]


def test_without_chance_only_the_others_run_and_their_memories_keep_their_places():
    chain = Chain([Raised(), Counted(), Scaled()], with_chance=False)
    assert chain.logits(OUTPUTS, HERE, ("kept", None, None)).tolist() == [2, 4, 6]
    first, second, third = chain.updated(("kept", None, None), 1, OUTPUTS)
    assert (first, len(second), third) == ("kept", 1, None)
    assert [is_about_chance(kind) for kind in (Raised, Scaled)] == [True, False]


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (ValueError("no such word"), "failed: ValueError: no such word"),
        (ZeroDivisionError(), "failed: ZeroDivisionError"),
        (None, "returned NoneType instead of an array of numbers"),
        (np.zeros(2), "returned the shape [2] instead of [3]"),
        (np.zeros((1, 3)), "returned the shape [1, 3] instead of [3]"),
        (np.zeros(3, bool), "returned an array of bool instead of numbers"),
        (np.array([0, np.nan, 0]), "returned NaN"),
        (np.array([0, np.inf, 0]), "returned inf"),
        (np.full(3, -np.inf), "left no token"),
    ],
)
def test_an_error_names_the_sampler_and_its_owner(result, message):
    with pytest.raises(PluginError) as caught:
        Chain([Scaled(), Raised(), Faulty(result)]).logits(OUTPUTS, HERE)
    owner = __name__.partition(".")[0]
    assert caught.value.message == f"the sampler faulty of {owner} {message}"
    assert caught.value.plugin == owner
    assert caught.value.hint == "/sampler -faulty removes it"


@pytest.mark.parametrize("kind", [np.float32, np.int64])
def test_other_kinds_of_numbers_are_taken_as_float64(kind):
    logits = Chain([Faulty(np.array([1, 2, 3], kind))]).logits(OUTPUTS, HERE)
    assert (logits.tolist(), logits.dtype) == ([1, 2, 3], np.float64)


def test_the_traceback_of_a_fault_is_kept_for_those_who_ask():
    with pytest.raises(PluginError) as caught:
        Chain([Faulty(ValueError("no such word"))]).logits(OUTPUTS, HERE)
    assert "raise self.result" in caught.value.details


def test_an_error_in_update_names_the_sampler():
    with pytest.raises(PluginError, match=r"the sampler faulty of .* failed in update: KeyError: 'gone'"):
        Chain([Faulty()]).updated((None,), 1, OUTPUTS)


def test_a_complaint_to_the_user_is_passed_on_as_it_is():
    with pytest.raises(UsageError, match="no such letter"):
        Chain([Faulty(UsageError("no such letter"))]).logits(OUTPUTS, HERE)


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ([0, np.nan], "the model returned NaN"),
        ([0, np.inf], "the model returned inf"),
        ([-np.inf] * 2, "the model left no token"),
    ],
)
def test_a_fault_of_the_model_is_not_blamed_on_a_sampler(outputs, message):
    with pytest.raises(PluginError) as caught:
        Chain([Scaled()]).logits(np.array(outputs), HERE)
    assert caught.value.message == message
