"""Work on all cores, in threads: BLAS and compiled kernels let go of Python's lock while they compute."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Sequence
from queue import SimpleQueue
from threading import Event, Thread
from typing import Any, TypeVar

from seqshell.core.signal_handlers import HostStop

T = TypeVar("T")
R = TypeVar("R")
_END = object()


class Stopped(HostStop):
    """Nobody needs what a thread computes any more. Never leaves the thread."""


_limit: list[int] = []  # of use_one_core
_users: list[None] = []  # of in_threads, those with several threads


def available_cores() -> int:
    """The number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def use_one_core() -> None:
    """From now on, num_cores is 1: this process is one of many that share the cores."""
    _limit[:] = [1]


def num_cores() -> int:
    """The number of cores that threads may use; 1 if BLAS has threads of its own, or if OMP_NUM_THREADS is 1."""
    if _limit or os.environ.get("OPENBLAS_NUM_THREADS") != "1" or os.environ.get("OMP_NUM_THREADS") == "1":
        return 1
    return available_cores()


def cores_are_taken() -> bool:
    """Whether in_threads uses them now."""
    return bool(_users)


def in_threads(
    work: Callable[[T, Callable[[], None]], Iterable[R]], items: Sequence[T], num_threads: int
) -> Generator[R, None, None]:
    """The results of work(item, check) for all items. With one thread they come in order, else as they are found.

    check: raises if nobody needs the results any more; `work` calls it often. Threads are started only for more than
    one item, at most one for each. The first exception in a thread is raised here, and ends the others.
    """
    if num_threads <= 1 or len(items) <= 1:
        for item in items:
            yield from work(item, lambda: None)
        return
    found: SimpleQueue[tuple[bool, Any]] = SimpleQueue()  # (False, result), (True, exception), or (True, _END)
    is_over = Event()
    left = iter(items)

    def check() -> None:
        if is_over.is_set():
            raise Stopped

    def run() -> None:
        try:
            for item in left:  # one iterator for all threads: each takes the next item
                for result in work(item, check):
                    check()
                    found.put((False, result))
            found.put((True, _END))
        except Stopped:
            pass
        except BaseException as error:  # raised by the reader
            found.put((True, error))

    running = min(num_threads, len(items))
    _users.append(None)
    try:
        for number in range(running):
            Thread(target=run, name=f"seqshell work {number + 1}", daemon=True).start()
        while running:
            is_last, result = found.get()
            if not is_last:
                yield result
            elif result is _END:
                running -= 1
            else:
                raise result
    finally:
        _users.pop()
        is_over.set()
