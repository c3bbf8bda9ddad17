"""Processes that encode the parts of a text for tokenizers of words, which take seconds for each 100 MB.

    python -m seqshell.training.data.encoding_workers

is one of them. It reads a line of JSON with the tokenizer, then parts, and answers each part with its ids. It ends when
it cannot encode one: then the caller does, which raises the error.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from typing import IO, Any

from seqshell.core.subword_tokenizers import BPETokenizer, WordTokenizer
from seqshell.core.threads import available_cores
from seqshell.core.tokenizers import Tokenizer
from seqshell.core.whitespace_tokenizer import WhitespaceTokenizer
from seqshell.training.data.part_encoding import PartEncoder, part_encoder

LEAST = 100_000_000  # bytes of a text for which processes are started
MOST_WORKERS = 8
KINDS: dict[str, Any] = {kind.name: kind for kind in (WordTokenizer, WhitespaceTokenizer, BPETokenizer)}
SIZE = 8  # bytes of the length before each part


def num_workers(kind: Any, size: int) -> int:
    """How many processes encode a text of so many bytes; 0: this one does."""
    cores = min(MOST_WORKERS, available_cores())
    return cores if KINDS.get(kind.name) is kind and size >= LEAST and cores > 1 else 0


class EncodingWorkers:
    """A context in which `encoded` gives the ids of parts, in their order. number: of processes; 0: none."""

    def __init__(self, tokenizer: Tokenizer, beginning: str, number: int) -> None:
        self._here: PartEncoder = part_encoder(tokenizer, beginning)
        self._job = {"kind": tokenizer.name, "tokenizer": tokenizer.to_json(), "beginning": beginning}
        self._number = number
        self._workers: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> EncodingWorkers:
        with contextlib.suppress(OSError):  # too many processes
            for _ in range(self._number):
                self._workers.append(
                    subprocess.Popen(
                        [sys.executable, "-P", "-m", __name__],
                        stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE,
                        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                        start_new_session=True,  # Ctrl-C is for the process that started it
                    )
                )
                _send(self._workers[-1], json.dumps(self._job).encode() + b"\n")
        return self

    def __exit__(self, *error: object) -> None:
        for worker in self._workers:
            worker.kill()
            worker.wait()
            for stream in (worker.stdin, worker.stdout):
                with contextlib.suppress(OSError):
                    assert stream is not None
                    stream.close()

    def encoded(self, parts: Iterable[str]) -> Iterator[bytes]:
        """The ids of each part. Raises VocabularyError for what the tokenizer refuses."""
        if not self._workers:
            yield from map(self._here, parts)
            return
        waiting: list[str] = []  # the part that each worker has, which began with the oldest
        turn = 0
        for part in parts:
            worker = self._workers[turn % len(self._workers)]
            if len(waiting) == len(self._workers):
                yield self._answer(worker, waiting.pop(0))
            content = part.encode("utf-8", "surrogatepass")
            _send(worker, len(content).to_bytes(SIZE, "little") + content)
            waiting.append(part)
            turn += 1
        for number, part in enumerate(waiting, turn - len(waiting)):
            yield self._answer(self._workers[number % len(self._workers)], part)

    def _answer(self, worker: subprocess.Popen[bytes], part: str) -> bytes:
        assert worker.stdout is not None
        found = _received(worker.stdout)
        return self._here(part) if found is None else found


def _send(worker: subprocess.Popen[bytes], content: bytes) -> None:
    assert worker.stdin is not None
    with contextlib.suppress(OSError):  # it has ended, which its answer shows
        worker.stdin.write(content)
        worker.stdin.flush()


def _received(stream: IO[bytes]) -> bytes | None:
    """The next part or its ids; None if there are no more."""
    start = stream.read(SIZE)
    size = int.from_bytes(start, "little")
    content = stream.read(size) if len(start) == SIZE else b""
    return content if len(start) == SIZE and len(content) == size else None


def _work() -> None:
    """Encode the parts of stdin."""
    given, out = sys.stdin.buffer, sys.stdout.buffer
    job = json.loads(given.readline())
    encoder = part_encoder(KINDS[job["kind"]].from_json(job["tokenizer"]), job["beginning"])
    with contextlib.suppress(Exception):  # whatever fails here fails again in the caller, where it is reported
        while (content := _received(given)) is not None:
            ids = encoder(content.decode("utf-8", "surrogatepass"))
            out.write(len(ids).to_bytes(SIZE, "little") + ids)
            out.flush()


if __name__ == "__main__":
    _work()
