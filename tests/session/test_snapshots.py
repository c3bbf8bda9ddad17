"""The snapshot store: what is counted, and what is dropped first over the budget."""

from __future__ import annotations

import numpy as np
import pytest

from seqshell.core.sampling import Draw
from seqshell.session.snapshot import Snapshot, Steps
from seqshell.session.snapshots import SnapshotStore
from seqshell.session.timeline import Read, Timeline

STATE, OUTPUTS = 400, 100  # bytes


def filled(count, budget=1e9, *, read=Read.DRAWN, state=lambda node: np.zeros((1, 100), np.float32), memories=()):
    """A store with snapshots of a root and of `count` tokens after it."""
    timeline = Timeline()
    store = SnapshotStore(timeline, budget)
    store.add(Snapshot(timeline.add_root(-1, -1, Draw()), state(0), np.zeros((1, 25), np.float32)))
    if count:
        timeline.begin_run(0, 0, read, Draw())
    for node in range(1, count + 1):
        store.add(Snapshot(timeline.append(3), state(node), np.zeros((1, 25), np.float32), memories and memories(node)))
    return store


def filled_by_blocks(count, size, budget=1e9):
    """The same with blocks of steps, each in one array; the numbers of a state are those of its node."""
    store = filled(0, budget)
    timeline = store._timeline
    timeline.begin_run(0, 0, Read.DRAWN, Draw())
    for first in range(1, count + 1, size):
        states = np.arange(first, first + size, dtype=np.float32)[:, None, None] * np.ones((1, 100), np.float32)
        block = Steps([3] * size, states, np.zeros((size, 1, 25), np.float32), (), ())
        for _ in range(size):
            node = timeline.append(3)
            block.take(node)
            store.add_step(block, node)
    return store


def kept(store, count):
    return [node for node in range(count + 1) if store.get(node) is not None]


def whole(store, count):
    return [node for node in kept(store, count) if store.get(node).outputs is not None]


def test_a_shared_array_is_counted_once():
    constant = np.zeros((1, 1000), np.float32)
    store = filled(9, state=lambda node: (constant, np.zeros((1, 100), np.float32)))

    assert store.bytes == constant.nbytes + 10 * (STATE + OUTPUTS)


def test_a_view_is_counted_with_the_array_that_owns_its_memory():
    together = np.zeros((2, 50), np.float32)
    store = filled(0, state=lambda node: (together[:1], together[1:]))

    assert store.bytes == together.nbytes + OUTPUTS


@pytest.mark.parametrize("budget", [1e9, 160 * (STATE + OUTPUTS), 9 * (STATE + OUTPUTS)])
def test_a_block_is_kept_as_single_steps_are(budget):
    blocks, single = filled_by_blocks(320, 16, budget), filled(320, budget)

    assert blocks.bytes <= budget
    assert blocks.get(7 * 32) is blocks.get(7 * 32) or blocks.get(7 * 32) is None
    assert all((blocks.get(node).state == node).all() for node in kept(blocks, 320))
    # Whole blocks lose their outputs, and then go; what stays has arrays of its own.
    assert len(kept(blocks, 320)) == pytest.approx(len(kept(single, 320)), abs=16 + 300 * STATE / budget)
    if budget < 1e9:
        assert all(blocks.get(node).state.base is None for node in kept(blocks, 200))


def test_within_the_budget_every_snapshot_stays_whole():
    store = filled(200, budget=201 * (STATE + OUTPUTS))

    assert whole(store, 200) == list(range(201))
    assert (store.kept, store.whole, store.is_thinned) == (201, 201, False)


def test_over_the_budget_old_snapshots_lose_their_outputs_first():
    store = filled(200, budget=201 * (STATE + OUTPUTS) - 30 * OUTPUTS)

    assert store.bytes <= store.budget
    assert kept(store, 200) == list(range(201))
    assert whole(store, 200) == [0, *range(65, 201)]  # 64 tokens at a time
    assert not store.is_thinned


def test_then_every_32nd_old_snapshot_and_the_recent_ones_stay():
    store = filled(1000, budget=300_000)
    nodes = kept(store, 1000)

    assert nodes[:5] == [0, 32, 64, 96, 128]
    assert nodes[-100:] == list(range(901, 1001))
    assert whole(store, 1000)[-20:] == list(range(981, 1001))
    assert store.bytes <= store.budget * 17 / 16


@pytest.mark.parametrize(("budget", "stride"), [(4600, 32), (3000, 64), (1800, 128), (0, 512)])
def test_the_stride_of_what_stays_doubles_until_the_budget_is_met(budget, stride):
    store = filled(320, budget=budget)
    store.count()

    assert kept(store, 320)[:4] == list(range(0, 321, stride))[:4]
    assert store.stride == stride
    assert store.bytes <= max(budget, STATE + OUTPUTS)
    assert store.get(0).outputs is not None


def test_snapshots_of_a_search_stay_whole():
    store = filled(100, budget=0, read=Read.FOUND)

    assert whole(store, 100) == list(range(101))


def test_memories_of_samplers_stay_without_their_snapshot():
    store = filled(40, budget=0, memories=lambda node: (None, {"mu": node}))

    assert store.get(7) is None
    assert store.memories(7) == ((None, {"mu": 7}), ())
    assert store.memories(32) == ((None, {"mu": 32}), ())
    assert sorted(node for node, _, _ in store.all_memories()) == list(range(1, 41))


def test_a_smaller_budget_takes_effect_immediately():
    store = filled(320)
    store.budget = 0

    assert kept(store, 320) == [0]
    assert store.bytes == STATE + OUTPUTS


def test_the_counters_equal_a_recount_of_all_arrays():
    store = filled(777, budget=200_000)
    store.count()
    arrays = {
        id(array): array
        for node in kept(store, 777)
        for array in (store.get(node).state, store.get(node).outputs)
        if array is not None
    }

    assert store.bytes == sum(array.nbytes for array in arrays.values())
    assert (store.kept, store.whole) == (len(kept(store, 777)), len(whole(store, 777)))


def test_a_snapshot_is_frozen_and_compares_by_identity():
    one, two = (Snapshot(1, np.zeros((1, 2)), np.zeros((1, 2))) for _ in range(2))

    assert one != two
    assert "array" not in repr(one)
    with pytest.raises(AttributeError):
        one.node = 2


def test_snapshots_of_one_answer_wait_to_be_counted_while_they_take_half_of_the_budget_at_most():
    counts = []
    for number in (600, 900):
        store = filled(number, budget=2000 * (STATE + OUTPUTS) * 0.8)
        counts.append(store._counted)
        assert (store.bytes, store.kept) == ((number + 1) * (STATE + OUTPUTS), number + 1)

    assert counts[0] < 10  # the first snapshot of all is counted at once
    assert counts[1] > 700
