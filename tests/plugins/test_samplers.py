"""The built-in samplers match their papers, change nothing at their neutral values, and always leave a token."""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from tests.plugins.sampler_contexts import LETTERS, NO_CONTEXT, context_after, kept, probs

import seqshell
import seqshell_samplers
from seqshell import SampleContext, UsageError
from seqshell.core.plugin_api import build, settings_of
from seqshell.core.subword_tokenizers import WordTokenizer
from seqshell.decoding.syntax import parse_chain
from seqshell.host import Policy
from seqshell.host.builtin import load_registry
from seqshell_samplers.mirostat import Mirostat
from seqshell_samplers.penalties import FrequencyPenalty, NoRepeatNgram, PresencePenalty, RepeatPenalty
from seqshell_samplers.temperature import Temperature
from seqshell_samplers.truncation import MinP, TopK, TopP, TypicalP


def load(lazy: seqshell.Lazy) -> type:
    module, _, name = lazy.target.partition(":")
    return getattr(import_module(module), name)


SAMPLERS = {lazy.name: load(lazy) for lazy in seqshell_samplers.seqshell_samplers()}

numbers = some.floats(-1e4, 1e4, allow_subnormal=False) | some.sampled_from([0.0, 1.0, 2.0, -2.0])
rows = (
    some.lists(numbers | some.just(-math.inf), min_size=1, max_size=12)
    .filter(lambda row: max(row) > -math.inf)
    .map(np.array)
)
tied = some.lists(some.integers(-8, 8).map(lambda n: n / 2), min_size=1, max_size=10).map(np.array)  # many ties


@some.composite
def any_sampler(draw):
    """Any sampler but `pattern`, which refuses what cannot be written, with settings from their whole ranges."""
    kind = draw(some.sampled_from([kind for name, kind in SAMPLERS.items() if name != "pattern"]))
    values = {}
    for item in settings_of(kind):
        low, high = item.low if item.low is not None else -1e6, item.high if item.high is not None else 1e6
        if item.kind is int:
            values[item.name] = draw(
                some.integers(int(low), int(high)) | some.integers(int(low), min(int(low) + 5, int(high)))
            )
        elif item.kind is float:
            values[item.name] = draw(some.floats(low, high) | some.sampled_from([low, high]))
        elif item.choices:
            values[item.name] = draw(some.sampled_from(item.choices))
        else:
            values[item.name] = " ".join(f"#{token}:-inf" for token in draw(some.lists(some.just(0))))
    return build(kind, values)


@given(any_sampler(), rows, some.data())
def test_at_least_one_token_remains_and_no_removed_token_returns(sampler, logits, data):
    """Also: no NaN, no +inf, the same shape, and the given array is not modified."""
    tokens = data.draw(some.lists(some.integers(0, logits.size - 1), max_size=20))
    memory = data.draw(some.floats(-50, 50)) if isinstance(sampler, Mirostat) and data.draw(some.booleans()) else None
    before = logits.copy()
    logits.flags.writeable = False
    reshaped = sampler(logits, SampleContext(tokens, tokenizer=LETTERS, memory=memory))

    assert np.array_equal(logits, before)
    assert reshaped.shape == logits.shape
    assert reshaped.dtype == np.float64
    assert not np.isnan(reshaped).any()
    assert kept(reshaped)
    assert kept(reshaped) <= kept(logits)
    assert reshaped.max() < np.inf


@given(some.sampled_from(sorted(SAMPLERS)), rows, some.lists(some.integers(0, 0), max_size=5))
def test_a_sampler_at_its_neutral_value_changes_nothing(name, logits, tokens):
    kind = SAMPLERS[name]
    first = settings_of(kind)[0]
    assert first.neutral is not None
    sampler = build(kind, {first.name: first.neutral})

    assert np.array_equal(sampler(logits, SampleContext(tokens, tokenizer=LETTERS)), logits)


@pytest.mark.parametrize("kind", SAMPLERS.values(), ids=list(SAMPLERS))
def test_every_setting_has_a_help_text_and_every_number_a_range(kind):
    for item in settings_of(kind):
        assert item.help
        assert item.kind is str or item.low is not None
        assert build(kind, {item.name: item.default})
        if item.low is not None:
            with pytest.raises(UsageError, match=f"{kind.name}: {item.name} must be"):
                build(kind, {item.name: item.low - 1})
        if item.high is not None:
            with pytest.raises(UsageError, match=f"{kind.name}: {item.name} must be"):
                build(kind, {item.name: item.high * 2})


@given(tied, some.floats(0.01, 100))
def test_temperature_raises_probabilities_to_one_over_t(logits, t):
    raised = probs(logits) ** (1 / t)
    np.testing.assert_allclose(probs(Temperature(t)(logits, NO_CONTEXT)), raised / raised.sum(), atol=1e-12)


@given(tied)
def test_temperature_0_is_greedy_and_small_temperatures_are_close_to_it(logits):
    assert kept(Temperature(0)(logits, NO_CONTEXT)) == {int(logits.argmax())}
    for t in (1e-7, 1e-300, 5e-324):
        best = {token for token, value in enumerate(logits) if value == logits.max()}
        chances = probs(Temperature(t)(logits, NO_CONTEXT))
        assert {token for token, chance in enumerate(chances) if chance > 0} == best


@given(tied, some.integers(1, 12))
def test_top_k_keeps_the_k_largest_and_ties_with_the_last_one(logits, k):
    threshold = sorted(logits, reverse=True)[min(k, logits.size) - 1]
    np.testing.assert_array_equal(
        TopK(k)(logits, NO_CONTEXT), [value if value >= threshold else -np.inf for value in logits]
    )


def nucleus(logits, p):
    """The definition: the most likely tokens until their sum is p, and those as likely as the last one."""
    chances = probs(logits)
    total, threshold = 0.0, 0.0
    for chance in sorted(chances, reverse=True):
        total, threshold = total + chance, chance
        if total >= p:
            break
    return {token for token, chance in enumerate(chances) if chance >= threshold}


@given(tied, some.floats(0, 1))
def test_top_p_keeps_the_smallest_set_of_most_likely_tokens_with_probability_p(logits, p):
    found = kept(TopP(p)(logits, NO_CONTEXT))
    assert found in (nucleus(logits, p - 1e-12), nucleus(logits, p + 1e-12))  # the floats are summed in another order
    assert kept(TopP(0)(logits, NO_CONTEXT)) == {token for token, value in enumerate(logits) if value == logits.max()}


def test_top_p_matches_a_calculation_by_hand():
    logits = np.log([0.1, 0.4, 0.3, 0.2])
    assert [kept(TopP(p)(logits, NO_CONTEXT)) for p in (0.3, 0.6, 0.85, 0.95)] == [{1}, {1, 2}, {1, 2, 3}, {0, 1, 2, 3}]


@given(tied, some.floats(0.001, 1))
def test_min_p_keeps_tokens_at_least_p_times_as_likely_as_the_best(logits, p):
    chances = probs(logits)
    found = kept(MinP(p)(logits, NO_CONTEXT))
    smallest = {token for token, chance in enumerate(chances) if chance >= p * chances.max() * (1 + 1e-9)}
    largest = {token for token, chance in enumerate(chances) if chance >= p * chances.max() * (1 - 1e-9)}
    assert smallest <= found <= largest


def typical(logits, p, slack):
    """The definition: the tokens nearest to the entropy until their sum is p, and those as near as the last one."""
    chances = probs(logits)
    entropy = -sum(chance * math.log(chance) for chance in chances)
    distances = [abs(-math.log(chance) - entropy) for chance in chances]
    total, threshold = 0.0, 0.0
    for token in sorted(range(len(distances)), key=lambda token: distances[token]):
        total, threshold = total + chances[token], distances[token]
        if total >= p:
            break
    return {token for token, distance in enumerate(distances) if distance <= threshold + slack}


@given(some.lists(some.floats(-4, 4), min_size=1, max_size=10).map(np.array), some.floats(0, 0.999))
def test_typical_p_keeps_the_surprisals_nearest_to_the_entropy(logits, p):
    found = kept(TypicalP(p)(logits, NO_CONTEXT))
    assert typical(logits, p - 1e-9, -1e-9) <= found <= typical(logits, p + 1e-9, 1e-9)


def test_typical_p_may_remove_the_most_likely_token():
    """H = 1.51: the surprisal of the other four, 1.61, is nearer to it than that of the best, 0.69."""
    logits = np.log([0.4, 0.15, 0.15, 0.15, 0.15])
    assert kept(TypicalP(0.5)(logits, NO_CONTEXT)) == {1, 2, 3, 4}
    assert kept(TypicalP(0.7)(logits, NO_CONTEXT)) == {0, 1, 2, 3, 4}


@given(tied, some.floats(0.2, 5), some.integers(1, 4), some.data())
def test_repeat_penalty_divides_positive_and_multiplies_negative_logits_of_the_window(logits, penalty, window, data):
    tokens = data.draw(some.lists(some.integers(0, logits.size - 1), max_size=8))
    expected = list(logits)
    for token in set(tokens[-window:]):
        expected[token] = logits[token] / penalty if logits[token] > 0 else logits[token] * penalty
    np.testing.assert_array_equal(RepeatPenalty(penalty, window)(logits, context_after(*tokens)), expected)


@given(tied, some.floats(-3, 3), some.floats(-3, 3), some.integers(1, 4), some.data())
def test_presence_and_frequency_penalties_subtract_once_and_per_occurrence(logits, presence, frequency, window, data):
    tokens = data.draw(some.lists(some.integers(0, logits.size - 1), max_size=8))
    counts = [tokens[-window:].count(token) for token in range(logits.size)]
    reshaped = FrequencyPenalty(frequency, window)(
        PresencePenalty(presence, window)(logits, context_after(*tokens)), context_after(*tokens)
    )

    expected = [value - count * frequency - (count > 0) * presence for value, count in zip(logits, counts, strict=True)]
    np.testing.assert_allclose(reshaped, expected, atol=1e-12)


@given(some.integers(1, 4), some.lists(some.integers(0, 2), max_size=15), some.integers(1, 16))
def test_no_repeat_ngram_removes_exactly_the_tokens_that_would_repeat_an_ngram(n, tokens, window):
    logits = np.arange(8.0)
    recent = tokens[-window:]
    known = {tuple(recent[start : start + n]) for start in range(len(recent) - n + 1)}
    ending = recent[len(recent) - n + 1 :] if len(recent) >= n - 1 else None
    banned = {token for token in range(8) if ending is not None and (*ending, token) in known}

    assert kept(NoRepeatNgram(n, window)(logits, context_after(*tokens))) == set(range(8)) - banned


def test_no_repeat_ngram_removes_nothing_if_no_token_would_remain():
    logits = np.zeros(2)
    np.testing.assert_array_equal(NoRepeatNgram(1)(logits, context_after(0, 1)), logits)
    np.testing.assert_array_equal(NoRepeatNgram(1)(np.array([0.0, -np.inf]), context_after(0)), [0, -np.inf])


@pytest.mark.parametrize(
    ("text", "banned"),
    [
        ("the red cat sat on the red", {" cat"}),
        ("the red cat, the red", {" cat"}),  # punctuation marks are not words
        ("the red cat the red c", {"at"}),  # the word in other tokens
        ("the red cat the blue", set()),
        ("the red", set()),
    ],
)
def test_no_repeat_ngram_of_words_removes_the_tokens_that_would_end_a_repeated_word(text, banned):
    pieces = ["<unk>", "the", " the", " red", " blue", " cat", " c", "at", " sat", " on", ","]
    tokenizer = WordTokenizer(pieces, [0] * len(pieces))
    rest, ids = text, []
    while rest:
        ids.append(max(range(1, len(pieces)), key=lambda token: rest.startswith(pieces[token]) * len(pieces[token])))
        rest = rest.removeprefix(pieces[ids[-1]])
    context = SampleContext(ids, position=len(ids), tokenizer=tokenizer)
    shaped = NoRepeatNgram(3, unit="words")(np.zeros(len(pieces)), context)

    assert {pieces[token] for token in set(range(len(pieces))) - kept(shaped)} == banned


@dataclass(frozen=True)
class Style:
    """A third-party sampler that declares no stage."""

    name: ClassVar[str] = "style"

    def __call__(self, logits, context):
        return logits


EXPECTED_ORDER = """
    repeat_penalty presence_penalty frequency_penalty no_repeat_ngram bias ban pattern
    top_k typical_p top_p min_p style
    temperature
    mirostat
"""


def test_added_samplers_are_ordered_by_stage():
    """Penalties, bias, truncation, a third-party sampler, temperature, and last mirostat."""
    plugin = ModuleType("style_plugin")
    plugin.seqshell_samplers = seqshell.hookimpl(lambda: [Style], specname="seqshell_samplers")
    available = load_registry(Policy(no_plugins=True), modules=[plugin]).samplers
    expected = EXPECTED_ORDER.split()
    assert sorted(available) == sorted(expected)
    for names in (expected, expected[::-1], sorted(expected)):
        chain = ()
        for name in names:
            chain = parse_chain(f"+{name}", available, chain)
        assert [sampler.name for sampler in chain] == expected
