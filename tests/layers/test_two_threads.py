"""Steps of large models in two threads: the bits of one thread, whether the helper comes or not."""

import os
import time

import numpy as np
import pytest
from tests.layers.stacks import V, stacks

from seqshell import Divide, KeepBest
from seqshell.core import threads
from seqshell.core.state import leaves
from seqshell.kernels import layout
from seqshell.kernels.second_thread import Helper
from seqshell.layers.cells import GRULayer, LSTMLayer, TanhLayer

TOKENS = np.random.default_rng(0).integers(0, V, (5, 2))


@pytest.fixture
def two_cores(compiled, monkeypatch):
    """Even small models are computed in two threads."""
    from seqshell.kernels import second_thread

    monkeypatch.setattr(second_thread, "FEWEST_BYTES", 0)
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    monkeypatch.setattr(threads.os, "sched_getaffinity", lambda process: {0, 1}, raising=False)


@pytest.fixture
def team(two_cores):
    """A helper of its own, which ends with the test."""
    from seqshell.kernels.loading import kernels

    own = Helper(kernels())
    yield own
    own.close()


def in_one_and_two(team, cell, size, precision="float32", **options):
    """The same model in one thread, and in two with this helper."""
    made = []
    for helper in (None, team):
        _, stack = stacks(cell, size, **options)
        stack = stack.in_precision(precision)
        address = 0 if helper is None else helper.address
        stack._helper = stack._linear._helper = helper
        stack._words.use_team(address)
        stack._linear.words[layout.TEAM] = address
        made.append(stack)
    return made


def bits(*found):
    return [array.tobytes() for outputs, state in found for array in (outputs, *leaves(state))]


def steps(stack, rows):
    """The outputs and states of some steps."""
    state, found = stack.initial_state(rows), []
    for tokens in TOKENS:
        found.append(stack.step(tokens[:rows], state))
        state = found[-1][1]
    return found


def until(condition):
    end = time.monotonic() + 10
    while not condition() and time.monotonic() < end:
        time.sleep(0.001)
    assert condition()


@pytest.mark.parametrize(
    ("cell", "size", "precision", "options"),
    [
        (LSTMLayer, 100, "float32", {}),
        (LSTMLayer, 100, "int8", {}),
        (GRULayer, 70, "bf16", {"norm": True, "residual": True}),
        (TanhLayer, 150, "float32", {"residual": True}),
    ],
)
def test_steps_and_blocks_in_two_threads_have_the_bits_of_one(team, cell, size, precision, options):
    one, two = in_one_and_two(team, cell, size, precision, **options)
    team.wake()
    team._view[layout.PATIENCE] = 10**9  # both wait for each other, however busy the cores are
    until(lambda: not team.is_asleep)
    for rows in (1, 2):
        assert bits(*steps(two, rows)) == bits(*steps(one, rows))
    assert team.last_part == 2 * len(TOKENS) * (5 if options else 3)  # layers, what they pass on, and the read-out
    numbers = np.random.default_rng(1).random(8).tolist()
    assert block(two, numbers) == block(one, numbers)
    inputs = np.ones((3, size), np.float32)
    assert two.read_out(inputs).tobytes() == one.read_out(inputs).tobytes()


def block(stack, numbers):
    """What a block draws from the first step, and the bits of its states."""
    outputs, state = stack.step(np.array([3]), stack.initial_state())
    ids, rows, states = stack.draw_block(outputs, state, (KeepBest(5), Divide(2.0)), (), numbers)
    return ids, bits(*zip(rows, states, strict=True))


def test_a_helper_whose_core_is_busy_is_done_without(team):
    one, two = in_one_and_two(team, LSTMLayer, 100)
    team._view[layout.ASLEEP], team._view[layout.PATIENCE] = 0, 1000  # it seems to be there, and never comes
    assert bits(*steps(two, 1)) == bits(*steps(one, 1))
    assert team._view[layout.WAS_LATE] > 0
    assert team.last_part == 0


def test_a_helper_sleeps_when_nobody_needs_it_and_ends_when_it_is_closed(team):
    two = in_one_and_two(team, LSTMLayer, 100)[1]
    until(lambda: steps(two, 1) and not team.is_asleep)
    thread = team._thread
    clock = time.pthread_getcpuclockid(thread.ident)

    def is_idle():
        before = time.clock_gettime(clock)
        time.sleep(0.03)
        return time.clock_gettime(clock) == before

    until(is_idle)
    assert team.is_asleep
    team.close()
    assert not thread.is_alive()
    steps(two, 1)
    assert team._thread is None


def test_a_forked_process_has_a_helper_of_its_own(team):
    one, two = in_one_and_two(team, LSTMLayer, 100)
    expected = bits(*steps(one, 1))
    steps(two, 1)
    if (child := os.fork()) == 0:
        is_same, start = False, time.monotonic()
        while (team._thread is None or team.is_asleep) and time.monotonic() - start < 10:
            is_same = bits(*steps(two, 1)) == expected
        os._exit(0 if is_same and not team.is_asleep else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_two_threads_are_used_for_large_models_where_there_are_two_cores(two_cores, monkeypatch):
    from seqshell.kernels import second_thread

    assert stacks(LSTMLayer, 20)[1].num_threads == 2
    monkeypatch.setattr(second_thread, "FEWEST_BYTES", 100_000)
    assert stacks(LSTMLayer, 20)[1].num_threads == 1
    assert stacks(LSTMLayer, 100)[1].num_threads == 2
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert stacks(LSTMLayer, 100)[1].num_threads == 1


def test_a_helper_is_not_woken_while_threads_work_on_lines(team):
    two = in_one_and_two(team, LSTMLayer, 100)[1]
    list(threads.in_threads(lambda number, check: [steps(two, 1)], [1, 2], 2))
    assert team._thread is None
    steps(two, 1)
    assert team._thread is not None
