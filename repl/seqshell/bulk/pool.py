"""Processes on this machine that work on batches: each has the model and one thread.

A worker that dies is named, and what it was working on is given to another one, once.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

from seqshell.bulk.faults import raised
from seqshell.bulk.job import Job
from seqshell.bulk.lines import Batch
from seqshell.core.errors import SeqshellError
from seqshell.core.events import Notice
from seqshell.core.text_output import counted

AHEAD = 2  # batches that a worker has at once: one that it works on, and the next
LATE = 4  # batches for each worker between the first whose results are missing and the last that is worked on
NUMPY = {"NUMBA_DISABLE_JIT": "1"}  # the environment of a worker without compiled steps
ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
READ = 1 << 16  # bytes at once

Results = list[tuple[str, str]]  # the line and the warning for each line of a batch


class Worker:
    """A process with the model. has: the batches that it was given, the oldest first."""

    def __init__(self, number: int, job: Job, environment: Mapping[str, str]) -> None:
        self.number = number
        self.has: deque[Batch] = deque()
        self.is_ready = False
        self._received = b""
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "seqshell.bulk.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **environment, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            start_new_session=True,  # Ctrl-C is for the process that started it
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._in, self.out = self._process.stdin, self._process.stdout
        self._send(job.as_json())

    def give(self, batch: Batch) -> None:
        """Let it work on a batch, after those that it has."""
        self.has.append(batch)
        self._send({"number": batch.number, "lines": batch.lines})

    def _send(self, message: Any) -> None:
        try:
            self._in.write(json.dumps(message).encode() + b"\n")
            self._in.flush()
        except BrokenPipeError:  # it has died; its stdout has an end, too
            pass

    def received(self) -> list[dict[str, Any]] | None:
        """The messages that have come; None if it has died."""
        data = os.read(self.out.fileno(), READ)
        if not data:
            return None
        *lines, self._received = (self._received + data).split(b"\n")
        return [json.loads(line) for line in lines]

    def end(self) -> str:
        """End the process; returns how it ended."""
        self._process.kill()
        code = self._process.wait()
        self.out.close()
        with contextlib.suppress(BrokenPipeError):
            self._in.close()
        return _ending(code)

    def ending(self) -> str:
        """How a process that has died ended."""
        try:
            code = self._process.wait(1)
        except subprocess.TimeoutExpired:
            return "without an exit code"
        return _ending(code)

    @property
    def title(self) -> str:
        """What messages call it."""
        return f"worker {self.number} (process {self._process.pid})"


class Pool:
    """Up to num_workers processes, started when there is work for them. A context, which ends them.

    num_batches: about how many there are, so that the processes for them start at once. backend: that the results must
    come from; "" for any. ready: of the first worker, as `Work.ready`. All have the same backend, whose last bits may
    differ from another's: without compiled steps, those that are compiled meanwhile are not used.
    """

    def __init__(self, job: Job, num_workers: int, num_batches: int = 1, backend: str = "") -> None:
        self._backend = backend
        self._job, self._most, self._first = job, num_workers, max(1, min(num_workers, num_batches))
        self._workers: list[Worker] = []
        self._selector = selectors.DefaultSelector()
        self._num_started = 0
        self._again: deque[Batch] = deque()  # batches of workers that have died
        self._suspects: set[int] = set()  # numbers of batches that a worker died with
        self._done: dict[int, Results] = {}
        self.ready: dict[str, Any] = {}

    def __enter__(self) -> Pool:
        try:
            for _ in range(self._first):
                self._start()
            while not self.ready:
                for _ in self._answers():
                    pass
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.end()
        self._workers.clear()
        self._selector.close()

    def results(self, batches: Iterator[Batch]) -> Iterator[tuple[Batch, Results] | Notice]:
        """Each batch with its results, in their order, and notes about workers that have died.

        SeqshellError if two workers died with the same batch, and for what a worker cannot do.
        """
        given: deque[Batch] = deque()  # those whose results were not yet yielded
        while True:
            while self._again and self._has_room:
                self._give(self._again.popleft())
            while len(given) < LATE * self._most and self._has_room and (batch := next(batches, None)) is not None:
                given.append(batch)
                self._give(batch)
            if not given:
                return
            if given[0].number not in self._done:
                yield from self._answers()
            while given and given[0].number in self._done:
                batch = given.popleft()
                yield batch, self._done.pop(batch.number)

    @property
    def _has_room(self) -> bool:
        """Whether a worker can take a batch, or another one can be started."""
        return len(self._workers) < self._most or any(len(worker.has) < AHEAD for worker in self._workers)

    def _give(self, batch: Batch) -> None:
        """Give a batch to an idle worker, else to a new one, else to the one that has the fewest."""
        best = min(self._workers, key=lambda worker: len(worker.has), default=None)
        if best is None or (best.has and len(self._workers) < self._most):
            best = self._start()
        best.give(batch)

    def _start(self) -> Worker:
        self._num_started += 1
        environment = {**ONE_THREAD, **(NUMPY if self._backend == "numpy" else {})}
        worker = Worker(self._num_started, self._job, environment)
        self._workers.append(worker)
        self._selector.register(worker.out, selectors.EVENT_READ, worker)
        return worker

    def _answers(self) -> Iterator[Notice]:
        """Wait until a worker says something, and take it."""
        for key, _ in self._selector.select():
            worker: Worker = key.data
            messages = worker.received()
            if messages is None:
                yield self._died(worker)
                continue
            for message in messages:
                if "error" in message:
                    raise raised(message["error"])
                if "ready" in message:
                    self._begin(worker, message["ready"])
                else:
                    batch = worker.has.popleft()
                    assert batch.number == message["number"]
                    self._done[batch.number] = message["results"]

    def _begin(self, worker: Worker, ready: dict[str, Any]) -> None:
        """A worker has opened the model."""
        self._backend = self._backend or ready["backend"]
        if ready["backend"] == self._backend:
            worker.is_ready = True
            self.ready = self.ready or ready
        elif self._backend == "numpy":  # its steps were compiled meanwhile
            self._remove(worker)
            worker.end()
        else:
            raise SeqshellError(f"{worker.title} has the backend {ready['backend']}, not {self._backend}")

    def _remove(self, worker: Worker) -> None:
        """Let others do what a worker has."""
        self._selector.unregister(worker.out)
        self._workers.remove(worker)
        self._again.extendleft(reversed(worker.has))

    def _died(self, worker: Worker) -> Notice:
        """Take away the batches of a worker that has died."""
        self._remove(worker)
        how = worker.ending()
        worker.end()
        if not worker.is_ready:
            raise SeqshellError(f"{worker.title} ended {how} while it opened the model")
        first = next(iter(worker.has), None)
        if first is None:
            return Notice(f"{worker.title} ended {how}; another one takes its place", "warning")
        shown = f"{first.lines[0].place} to {first.lines[-1].place}"
        if first.number in self._suspects:
            raise SeqshellError(
                f"{worker.title} ended {how}, the second one to end with {shown}",
                hint="--resume tries again; a line there may need too much memory",
            )
        self._suspects.add(first.number)
        size = counted(len(first.lines), "line")
        return Notice(f"{worker.title} ended {how}; another one takes its {size}, {shown}", "warning")


def _ending(code: int) -> str:
    if code >= 0:
        return f"with exit code {code}"
    try:
        return f"by {signal.Signals(-code).name}"
    except ValueError:
        return f"by signal {-code}"
