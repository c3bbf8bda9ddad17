"""The sampler chain: order, memories, and errors that name the sampler and its plugin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest

from seqshell import PluginError, SampleContext, UsageError
from seqshell.decoding.chain import Chain, is_about_chance
from seqshell.decoding.probabilities import log_probs

CONTEXT = SampleContext(tokens=[1, 2], generated=1, position=2)
OUTPUTS = np.array([1, 2, 3], np.float32)


@dataclass(frozen=True)
class Scale:
    name: ClassVar[str] = "scale"
    factor: float = 2.0

    def __call__(self, logits, context):
        return logits * self.factor


@dataclass(frozen=True)
class Shift:
    name: ClassVar[str] = "shift"
    about_chance: ClassVar[bool] = True
    amount: float = 1.0

    def __call__(self, logits, context):
        return logits + self.amount


@dataclass(frozen=True)
class CountTokens:
    """Adds the number of drawn tokens to every logit; remembers the tokens and their log-probabilities."""

    name: ClassVar[str] = "count_tokens"

    def __call__(self, logits, context):
        return logits + len(context.memory or ())

    def update(self, memory, token, log_probs):
        return (*(memory or ()), (token, float(log_probs[token])))


@dataclass(frozen=True)
class Broken:
    """Returns its `result`, or raises it if it is an exception; its update fails."""

    name: ClassVar[str] = "broken"
    result: Any = None

    def __call__(self, logits, context):
        if isinstance(self.result, Exception):
            raise self.result
        return self.result

    def update(self, memory, token, log_probs):
        raise KeyError("gone")


def test_samplers_run_in_the_order_of_the_chain_in_float64():
    assert Chain([Scale(), Shift()]).logits(OUTPUTS, CONTEXT).tolist() == [3, 5, 7]
    assert Chain([Shift(), Scale()]).logits(OUTPUTS, CONTEXT).tolist() == [4, 6, 8]
    assert Chain([]).logits(OUTPUTS, CONTEXT).dtype == np.float64


def test_a_sampler_that_writes_to_its_input_does_not_change_the_outputs():
    @dataclass(frozen=True)
    class WriteInPlace:
        name: ClassVar[str] = "write_in_place"

        def __call__(self, logits, context):
            logits[0] = 9
            return logits

    outputs = np.array([1.0, 2.0, 3.0])
    assert Chain([WriteInPlace()]).logits(outputs, CONTEXT).tolist() == [9, 2, 3]
    assert outputs.tolist() == [1, 2, 3]


def test_each_sampler_gets_its_own_memory_and_the_same_context():
    contexts = []

    @dataclass(frozen=True)
    class RecordContext:
        name: ClassVar[str] = "record_context"

        def __call__(self, logits, context):
            contexts.append(context)
            return logits

    Chain([RecordContext(), CountTokens(), RecordContext()]).logits(OUTPUTS, CONTEXT, (5, ((0, -1.0),), None))
    assert [context.memory for context in contexts] == [5, None]
    assert all((context.tokens, context.generated, context.position) == ([1, 2], 1, 2) for context in contexts)


def test_each_draw_updates_the_memories_of_samplers_that_remember():
    chain = Chain([Scale(), CountTokens()])
    assert chain.first_memories() == (None, None)
    logits = chain.logits(OUTPUTS, CONTEXT)
    memories = chain.updated(chain.first_memories(), 2, logits)

    assert memories == (None, ((2, pytest.approx(log_probs(2 * OUTPUTS)[2])),))
    assert chain.logits(OUTPUTS, CONTEXT, memories).tolist() == [3, 5, 7]
    assert Chain([Scale()]).updated((None,), 2, logits) == (None,)


def test_excluded_ids_get_minus_infinity():
    logits = Chain([Scale()], excluded=frozenset({0, 2})).logits(OUTPUTS, CONTEXT)
    assert logits.tolist() == [-np.inf, 4, -np.inf]


def test_without_chance_samplers_with_about_chance_are_skipped_and_memories_keep_their_places():
    chain = Chain([Shift(), CountTokens(), Scale()], with_chance=False)
    assert chain.logits(OUTPUTS, CONTEXT, ("kept", None, None)).tolist() == [2, 4, 6]
    first, second, third = chain.updated(("kept", None, None), 1, OUTPUTS)
    assert (first, len(second), third) == ("kept", 1, None)
    assert [is_about_chance(kind) for kind in (Shift, Scale)] == [True, False]


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
def test_an_error_names_the_sampler_and_its_plugin(result, message):
    with pytest.raises(PluginError) as caught:
        Chain([Scale(), Shift(), Broken(result)]).logits(OUTPUTS, CONTEXT)
    owner = __name__.partition(".")[0]
    assert caught.value.message == f"the sampler broken of {owner} {message}"
    assert caught.value.plugin == owner
    assert caught.value.hint == "/sampler -broken removes it"


@pytest.mark.parametrize("kind", [np.float32, np.int64])
def test_other_number_types_are_converted_to_float64(kind):
    logits = Chain([Broken(np.array([1, 2, 3], kind))]).logits(OUTPUTS, CONTEXT)
    assert (logits.tolist(), logits.dtype) == ([1, 2, 3], np.float64)


def test_the_details_of_an_error_include_its_traceback():
    with pytest.raises(PluginError) as caught:
        Chain([Broken(ValueError("no such word"))]).logits(OUTPUTS, CONTEXT)
    assert "raise self.result" in caught.value.details


def test_an_error_in_update_names_the_sampler():
    with pytest.raises(PluginError, match=r"the sampler broken of .* failed in update: KeyError: 'gone'"):
        Chain([Broken()]).updated((None,), 1, OUTPUTS)


def test_a_usage_error_of_a_sampler_is_passed_on_unchanged():
    with pytest.raises(UsageError, match="no such letter"):
        Chain([Broken(UsageError("no such letter"))]).logits(OUTPUTS, CONTEXT)


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ([0, np.nan], "the model returned NaN"),
        ([0, np.inf], "the model returned inf"),
        ([-np.inf] * 2, "the model left no token"),
    ],
)
def test_invalid_outputs_are_attributed_to_the_model(outputs, message):
    with pytest.raises(PluginError) as caught:
        Chain([Scale()]).logits(np.array(outputs), CONTEXT)
    assert caught.value.message == message
