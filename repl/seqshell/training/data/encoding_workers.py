"""Encode the parts of a text, or many texts, on all cores, with tokenizers of words, which take seconds for 100 MB.

    python -m seqshell.training.data.encoding_workers

is one of the processes. It ends when it cannot encode something: then the caller does, which raises the error.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from seqshell.core.subword_tokenizers import BPETokenizer, WordTokenizer
from seqshell.core.tokenizers import Tokenizer
from seqshell.core.whitespace_tokenizer import WhitespaceTokenizer
from seqshell.training.data import worker_processes
from seqshell.training.data.part_encoding import part_encoder
from seqshell.training.data.row_encoding import Encoded, RowEncoder, grouped
from seqshell.training.data.small_integers import integer_type
from seqshell.training.data.token_rows import TextRows
from seqshell.training.data.worker_processes import WorkerProcesses, packed, texts_of, unpacked

KINDS: dict[str, Any] = {kind.name: kind for kind in (WordTokenizer, WhitespaceTokenizer, BPETokenizer)}


def num_workers(kind: Any, size: int) -> int:
    """How many processes encode a text of so many bytes; 0: this one does."""
    return worker_processes.num_workers(size) if KINDS.get(kind.name) is kind else 0


def encoded_rows(tokenizer: Tokenizer, texts: Sequence[str], sides: int = 1) -> Iterator[Encoded]:
    """The ids of texts, some thousand at a time. sides: how many such iterators, and trainings, share the cores."""
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
        job = {"kind": tokenizer.name, "tokenizer": tokenizer.to_json(), "beginning": beginning}
        self.workers = WorkerProcesses(__name__, job, number)

    def __enter__(self) -> EncodingWorkers:
        self.workers.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.workers.__exit__(*error)

    def encoded(self, parts: Iterable[str]) -> Iterator[bytes]:
        """The ids of each part. Raises VocabularyError for what the tokenizer refuses."""
        if not len(self.workers):
            yield from map(self._encoder, parts)
            return
        yield from self._answers(part.encode("utf-8", "surrogatepass") for part in parts)

    def encoded_rows(self, groups: Iterable[list[bytes]]) -> Iterator[Encoded]:
        """The ids of the texts of each group, which are in UTF-8."""
        if not len(self.workers):
            yield from map(self._encoder, groups)
            return
        contents = (packed(np.fromiter(map(len, texts), np.int64, len(texts)), b"".join(texts)) for texts in groups)
        for answer in self._answers(contents):
            sizes, ids = unpacked(answer)
            yield np.frombuffer(ids, self._dtype), sizes

    def _answers(self, contents: Iterable[bytes]) -> Iterator[bytes]:
        """What the workers answer to each content, in their order."""
        waiting: list[bytes] = []  # the content that each worker has, which began with the oldest
        size, turn = len(self.workers), 0
        for content in contents:
            if len(waiting) == size:
                yield self._answer(turn % size, waiting.pop(0))
            self.workers.send(turn % size, content)
            waiting.append(content)
            turn += 1
        for number, content in enumerate(waiting, turn - len(waiting)):
            yield self._answer(number % size, content)

    def _answer(self, worker: int, content: bytes) -> bytes:
        found = self.workers.received(worker)
        return _answer_to(self._encoder, content) if found is None else found


def _encoder(tokenizer: Tokenizer, beginning: str | None) -> Any:
    """What encodes texts, or the parts of a text with this beginning."""
    return RowEncoder(tokenizer) if beginning is None else part_encoder(tokenizer, beginning)


def _answer_to(encoder: Any, content: bytes) -> bytes:
    """The ids of a part of a text, or of packed texts."""
    if not isinstance(encoder, RowEncoder):
        ids: bytes = encoder(content.decode("utf-8", "surrogatepass"))
        return ids
    found, sizes = encoder(texts_of(*unpacked(content)))
    return packed(sizes, found.tobytes())


def _work() -> None:
    """Encode what comes."""
    job, contents = worker_processes.given()
    encoder = _encoder(KINDS[job["kind"]].from_json(job["tokenizer"]), job["beginning"])
    with contextlib.suppress(Exception):  # whatever fails here fails again in the caller, where it is reported
        for content in contents:
            worker_processes.answer(_answer_to(encoder, content))


if __name__ == "__main__":
    _work()
