"""The thread that computes half of each large layer. It sleeps when there has been no step for a moment.

Between two steps it waits in compiled code, without Python's lock, so that it joins the next step at once.
"""

from __future__ import annotations

import atexit
import os
from functools import cache
from queue import SimpleQueue
from threading import Lock, Thread
from time import perf_counter

import numpy as np

from seqshell.core.threads import cores_are_taken, num_cores
from seqshell.kernels import layout
from seqshell.kernels.loading import Kernels, kernels
from seqshell.kernels.packing import aligned

FEWEST_BYTES = 2_000_000  # of weights; with fewer, to wait for each other takes what it saves
PATIENCE = 1e-3  # seconds for which it waits for the next step before it sleeps
TRIED = 4000  # pauses, to learn how long one takes


class Helper:
    """The words of a team, and its thread, which starts when it is first woken."""

    def __init__(self, kernels: Kernels) -> None:
        self._words = aligned((layout.TEAM_WORDS,), np.int64)
        self._view = self._words.data  # whose items are read faster
        self.address = self._words.ctypes.data
        self._kernel, self._call = kernels.help, layout.help_words(self.address)
        self._begin()
        atexit.register(self.close)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        """Begin without a thread, as also in the child of a fork."""
        self._words[:] = 0
        self._view[layout.ASLEEP] = 1
        self._view[layout.JOB] = -1  # none yet
        self._thread: Thread | None = None
        self._lock, self._calls = Lock(), SimpleQueue[bool]()

    @property
    def is_asleep(self) -> bool:
        """Whether it takes no part in steps until it is woken."""
        return bool(self._view[layout.ASLEEP])

    @property
    def last_part(self) -> int:
        """The number of the last part of a step that it has done; 0 at first."""
        return self._view[layout.HELPER_DONE]

    def wake(self) -> None:
        """Let it take part in the steps that follow, unless its core is busy with something else."""
        if self._view[layout.ASLEEP] and not self._view[layout.NUM_ALONE] and not cores_are_taken():
            if self._thread is None:
                self._start()
            self._calls.put(True)

    def close(self) -> None:
        """End its thread, for good."""
        thread, self._view[layout.PATIENCE] = self._thread, 0
        if thread is not None:
            self._calls.put(False)
            thread.join(1)
            self._thread = None
        self._view[layout.ASLEEP] = 0  # nobody wakes it

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._view[layout.PATIENCE] = self._pauses()
                thread = Thread(target=self._run, args=(self._calls,), name="seqshell steps", daemon=True)
                thread.start()
                self._thread = thread

    def _pauses(self) -> int:
        """The number of pauses that take as long as PATIENCE."""
        self._view[layout.PATIENCE], times = TRIED, []
        for _ in range(3):
            start = perf_counter()
            self._kernel(self._call)
            times.append(perf_counter() - start)
        return int(TRIED * PATIENCE / min(times))

    def _run(self, calls: SimpleQueue[bool]) -> None:
        while calls.get():
            while not calls.empty():  # it was woken several times
                if not calls.get():
                    return
            self._kernel(self._call)


@cache
def _helper() -> Helper:
    return Helper(kernels())


def helper_for(num_bytes: int) -> Helper | None:
    """What helps with a model that reads so many bytes of weights in a step; None if one thread is to do it alone."""
    return _helper() if num_bytes >= FEWEST_BYTES and num_cores() > 1 else None
