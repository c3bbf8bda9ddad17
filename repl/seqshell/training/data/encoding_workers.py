"""Processes that encode the parts of a text, or many texts, with tokenizers of words, which take seconds per 100 MB.

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
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.subword_tokenizers import BPETokenizer, WordTokenizer
from seqshell.core.threads import available_cores
from seqshell.core.tokenizers import Tokenizer
from seqshell.core.whitespace_tokenizer import WhitespaceTokenizer
from seqshell.training.data.part_encoding import part_encoder
from seqshell.training.data.row_encoding import Encoded, RowEncoder, grouped
from seqshell.training.data.small_integers import integer_type
from seqshell.training.data.token_rows import TextRows

LEAST = 100_000_000  # bytes of a text for which processes are started
MOST_WORKERS = 8
KINDS: dict[str, Any] = {kind.name: kind for kind in (WordTokenizer, WhitespaceTokenizer, BPETokenizer)}
SIZE = 8  # bytes of the length before each part


def num_workers(kind: Any, size: int) -> int:
    """How many processes encode a text of so many bytes; 0: this one does."""
    cores = min(MOST_WORKERS, available_cores())
    return cores if KINDS.get(kind.name) is kind and size >= LEAST and cores > 1 else 0


def encoded_rows(tokenizer: Tokenizer, texts: Sequence[str], sides: int = 1) -> Iterator[Encoded]:
    """The ids of texts, some thousand at a time. sides: how many such iterators share the cores."""
    size = int(texts.lengths.sum(dtype=np.int64)) if isinstance(texts, TextRows) else 0
    with EncodingWorkers(tokenizer, None, -(-num_workers(type(tokenizer), size) // sides)) as workers:
        yield from workers.encoded_rows(grouped(texts))


class EncodingWorkers:
    """A context in which parts of a text, or texts, are encoded in their order.

    beginning: of the text whose parts are encoded; None: texts are. number: of processes; 0: none.
    """

    def __init__(self, tokenizer: Tokenizer, beginning: str | None, number: int) -> None:
        self._encoder = _encoder(tokenizer, beginning)
        self._dtype = integer_type(tokenizer.size)
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
            yield from map(self._encoder, parts)
            return
        yield from self._answers(part.encode("utf-8", "surrogatepass") for part in parts)

    def encoded_rows(self, groups: Iterable[list[bytes]]) -> Iterator[Encoded]:
        """The ids of the texts of each group, which are in UTF-8."""
        if not self._workers:
            yield from map(self._encoder, groups)
            return
        packed = (_packed(np.fromiter(map(len, texts), np.int64, len(texts)), b"".join(texts)) for texts in groups)
        for answer in self._answers(packed):
            sizes, ids = _unpacked(answer)
            yield np.frombuffer(ids, self._dtype), sizes

    def _answers(self, contents: Iterable[bytes]) -> Iterator[bytes]:
        """What the workers answer to each content, in their order."""
        waiting: list[bytes] = []  # the content that each worker has, which began with the oldest
        turn = 0
        for content in contents:
            worker = self._workers[turn % len(self._workers)]
            if len(waiting) == len(self._workers):
                yield self._answer(worker, waiting.pop(0))
            _send(worker, len(content).to_bytes(SIZE, "little") + content)
            waiting.append(content)
            turn += 1
        for number, content in enumerate(waiting, turn - len(waiting)):
            yield self._answer(self._workers[number % len(self._workers)], content)

    def _answer(self, worker: subprocess.Popen[bytes], content: bytes) -> bytes:
        assert worker.stdout is not None
        found = _received(worker.stdout)
        return _answer_to(self._encoder, content) if found is None else found


def _encoder(tokenizer: Tokenizer, beginning: str | None) -> Any:
    """What encodes texts, or the parts of a text with this beginning."""
    return RowEncoder(tokenizer) if beginning is None else part_encoder(tokenizer, beginning)


def _answer_to(encoder: Any, content: bytes) -> bytes:
    """The ids of a part of a text, or of packed texts."""
    if not isinstance(encoder, RowEncoder):
        ids: bytes = encoder(content.decode("utf-8", "surrogatepass"))
        return ids
    lengths, texts = _unpacked(content)
    ends = np.append(0, np.cumsum(lengths)).tolist()
    found, sizes = encoder([texts[start:end] for start, end in pairwise(ends)])
    return _packed(sizes, found.tobytes())


def _packed(lengths: NDArray[np.int64], content: bytes) -> bytes:
    """Lengths and what they are of, as one block of bytes."""
    return len(lengths).to_bytes(SIZE, "little") + lengths.tobytes() + content


def _unpacked(block: bytes) -> tuple[NDArray[np.int64], bytes]:
    number = int.from_bytes(block[:SIZE], "little")
    return np.frombuffer(block, np.int64, number, SIZE).copy(), block[SIZE + 8 * number :]


def _send(worker: subprocess.Popen[bytes], content: bytes) -> None:
    assert worker.stdin is not None
    with contextlib.suppress(OSError):  # it has ended, which its answer shows
        worker.stdin.write(content)
        worker.stdin.flush()


def _received(stream: IO[bytes]) -> bytes | None:
    """The next content or its answer; None if there are no more."""
    start = stream.read(SIZE)
    size = int.from_bytes(start, "little")
    content = stream.read(size) if len(start) == SIZE else b""
    return content if len(start) == SIZE and len(content) == size else None


def _work() -> None:
    """Encode what comes from stdin."""
    given, out = sys.stdin.buffer, sys.stdout.buffer
    job = json.loads(given.readline())
    encoder = _encoder(KINDS[job["kind"]].from_json(job["tokenizer"]), job["beginning"])
    with contextlib.suppress(Exception):  # whatever fails here fails again in the caller, where it is reported
        while (content := _received(given)) is not None:
            answer = _answer_to(encoder, content)
            out.write(len(answer).to_bytes(SIZE, "little") + answer)
            out.flush()


if __name__ == "__main__":
    _work()
