"""Work in threads: all results, each once; a failure or the end of the reader ends all of it."""

from __future__ import annotations

import threading
from contextlib import closing

import pytest

from seqshell.core import threads
from seqshell.core.threads import in_threads, num_cores


def counting(item, check):
    for number in range(item):
        check()
        yield item, number


@pytest.mark.parametrize("num_threads", [1, 2, 5])
def test_all_results_are_found_for_any_number_of_threads(num_threads):
    items = [3, 0, 2, 5]
    found = list(in_threads(counting, items, num_threads))
    assert sorted(found) == sorted((item, number) for item in items for number in range(item))
    if num_threads == 1:
        assert found == [each for item in items for each in counting(item, lambda: None)]


def test_two_threads_work_at_the_same_time():
    together = threading.Barrier(2, timeout=10)
    assert set(in_threads(lambda item, check: [(item, together.wait() >= 0)], [1, 2], 2)) == {(1, True), (2, True)}


def test_the_exception_of_one_thread_is_raised_and_ends_the_others():
    stopped = threading.Event()

    def work(item, check):
        if item == 0:
            raise ValueError("no")
        try:
            while True:
                check()
        finally:
            stopped.set()
        yield

    with pytest.raises(ValueError, match="no"):
        list(in_threads(work, [1, 0], 2))
    assert stopped.wait(10)


def test_a_reader_that_ends_early_ends_the_work():
    stopped = threading.Event()

    def work(item, check):
        try:
            while True:
                check()
                yield item
        finally:
            stopped.set()

    with closing(in_threads(work, [1, 2], 2)) as found:
        assert next(found) in (1, 2)
    assert stopped.wait(10)


def test_one_thread_is_used_if_blas_has_its_own_or_the_user_says_so(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    assert num_cores() == 1
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    monkeypatch.setattr(threads.os, "sched_getaffinity", lambda process: {0, 2, 3}, raising=False)
    assert num_cores() == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert num_cores() == 1
