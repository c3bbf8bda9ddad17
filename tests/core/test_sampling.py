"""Draws computed from counters, choices by weight, and read-only views of a growing history."""

from __future__ import annotations

import struct
from hashlib import blake2b

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from seqshell.core.sampling import Draw, History, SampleContext, choose

counters = some.integers(0, 2**64 - 1)


@given(counters, counters, counters)
def test_a_draw_is_a_hash_of_its_counters(seed, retry, position):
    digest = blake2b(struct.pack("<QQQ", seed, retry, position)).digest()
    expected = (int.from_bytes(digest[:8], "little") >> 11) * 2**-53
    assert Draw(seed, retry).uniform(position) == expected
    assert 0 <= expected < 1


def test_draws_have_fixed_values_that_later_versions_must_keep():
    assert [Draw().uniform(0), Draw().uniform(1), Draw(7, 2).uniform(100)] == [
        0.11394738282827277,
        0.39854594376344654,
        0.5390095020225032,
    ]
    assert (
        len({Draw(seed, retry).uniform(position) for seed in range(3) for retry in range(3) for position in range(3)})
        == 27
    )


def test_a_sampler_draws_its_own_numbers_by_name():
    context = SampleContext(position=7, draw=Draw(3))
    assert context.uniform("mine") == Draw(3).uniform(7, "mine")
    assert len({context.uniform("mine"), context.uniform("yours"), Draw(3).uniform(7)}) == 3


@given(
    some.lists(some.floats(0, 1, allow_subnormal=False), min_size=1, max_size=9).filter(any),
    some.floats(0, 1, exclude_max=True),
)
def test_the_choice_is_the_first_id_whose_cumulative_weight_exceeds_its_share(weights, u):
    token = choose(np.array(weights), u)
    cumulative = np.cumsum(weights)
    assert cumulative[token] > u * cumulative[-1]
    assert token == 0 or cumulative[token - 1] <= u * cumulative[-1]


def test_the_choice_follows_the_weights():
    chosen = [choose(np.array([1.0, 0, 3, 0]), (number + 0.5) / 100) for number in range(100)]
    assert [chosen.count(token) for token in range(4)] == [25, 0, 75, 0]


@given(some.lists(some.integers(0, 9), max_size=9), some.data())
def test_a_history_does_not_change_when_its_list_grows(ids, data):
    length = data.draw(some.integers(0, len(ids)))
    start, stop = data.draw(some.integers(-12, 12)), data.draw(some.integers(-12, 12))
    frozen = ids[:length]
    history = History(ids, length)
    ids.append(99)

    assert list(history) == frozen
    assert history[start:stop] == frozen[start:stop]
    assert history[-3:] == frozen[-3:]
    for index in (-length - 1, length):
        with pytest.raises(IndexError):
            history[index]
