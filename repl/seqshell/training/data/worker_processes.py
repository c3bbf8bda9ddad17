"""Processes that prepare a part of large data: each gets contents over a pipe, and answers.

Such a process runs a module as a program: `given` has what it gets, and `answer` sends an answer.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.threads import available_cores

LEAST = 100_000_000  # bytes of data for which processes are started
MOST_WORKERS = 8
SIZE = 8  # bytes of the length before each content


def num_workers(size: int) -> int:
    """How many processes prepare data of so many bytes; 0: this one does."""
    cores = min(MOST_WORKERS, available_cores())
    return cores if size >= LEAST and cores > 1 else 0


class WorkerProcesses:
    """A context with processes of a module. job: what each of them gets first, as JSON. number: how many, if the system
    allows them."""

    def __init__(self, module: str, job: Mapping[str, Any], number: int) -> None:
        self._module, self._job, self._number = module, job, number
        self.processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> WorkerProcesses:
        with contextlib.suppress(OSError):  # too many processes
            for number in range(self._number):
                self.processes.append(
                    subprocess.Popen(
                        [sys.executable, "-P", "-m", self._module],
                        stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE,
                        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                        start_new_session=True,  # Ctrl-C is for the process that started it
                    )
                )
                self._write(number, json.dumps(self._job).encode() + b"\n")
        return self

    def __exit__(self, *error: object) -> None:
        for process in self.processes:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                with contextlib.suppress(OSError):
                    assert stream is not None
                    stream.close()

    def __len__(self) -> int:
        return len(self.processes)

    def send(self, number: int, content: bytes) -> None:
        """Send a content to a process."""
        self._write(number, framed(content))

    def received(self, number: int) -> bytes | None:
        """The next answer of a process; None if it has ended."""
        stream = self.processes[number].stdout
        assert stream is not None
        return read_framed(stream)

    def _write(self, number: int, content: bytes) -> None:
        stream = self.processes[number].stdin
        assert stream is not None
        with contextlib.suppress(OSError):  # it has ended, which its answer shows
            stream.write(content)
            stream.flush()


def given() -> tuple[Any, Iterator[bytes]]:
    """In a process: its job, and the contents until no more come."""
    stream = sys.stdin.buffer
    return json.loads(stream.readline()), iter(lambda: read_framed(stream), None)


def answer(content: bytes) -> None:
    """In a process: answer. Ends it if nobody reads the answer."""
    try:
        sys.stdout.buffer.write(framed(content))
        sys.stdout.buffer.flush()
    except OSError:
        os._exit(1)  # without another try to write what is left


def framed(content: bytes) -> bytes:
    """A content with its length before it."""
    return len(content).to_bytes(SIZE, "little") + content


def read_framed(stream: IO[bytes]) -> bytes | None:
    """The next content of a stream; None if there are no more."""
    start = stream.read(SIZE)
    size = int.from_bytes(start, "little")
    content = stream.read(size) if len(start) == SIZE else b""
    return content if len(start) == SIZE and len(content) == size else None


def packed(numbers: NDArray[np.int64], content: bytes) -> bytes:
    """Numbers, such as the lengths of texts, and a content, as one."""
    return len(numbers).to_bytes(SIZE, "little") + numbers.tobytes() + content


def unpacked(block: bytes) -> tuple[NDArray[np.int64], bytes]:
    """The numbers and the content of `packed`."""
    number = int.from_bytes(block[:SIZE], "little")
    return np.frombuffer(block, np.int64, number, SIZE).copy(), block[SIZE + 8 * number :]


def texts_of(lengths: NDArray[np.int64], content: bytes) -> list[bytes]:
    """Texts that come one after the other."""
    ends = np.append(0, np.cumsum(lengths)).tolist()
    return [content[start:end] for start, end in pairwise(ends)]
