"""Count the words of large data on all cores.

    python -m seqshell.training.data.word_counting

is one of the processes. It counts the words of what it gets until that is empty, then answers.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator
from itertools import cycle, islice

from seqshell.core.errors import RecipeError
from seqshell.core.word_counts import CountedText
from seqshell.training.data.file_rows import FileRows
from seqshell.training.data.row_encoding import MAY_BE_SPACE, SPACE, text_of
from seqshell.training.data.token_rows import TextRows
from seqshell.training.data.word_numbers import word_counts
from seqshell.training.data.worker_processes import WorkerProcesses, answer, framed, given, num_workers, read_framed

TOGETHER = 1000  # texts whose words are counted together
ANSWERED = 100_000  # words in an answer


def counted_words(parts: Iterable[bytes], size: int) -> Iterator[tuple[str, int]]:
    """The words of a text, as `word_counts` gives them for its parts. size: bytes of the text.

    Raises RecipeError if a process that counts is killed.
    """
    with WorkerProcesses(__name__, {}, num_workers(size)) as workers:
        if not len(workers):
            yield from word_counts(parts)
            return
        for number, part in zip(cycle(range(len(workers))), filter(None, parts)):
            workers.send(number, part)
        for number in range(len(workers)):
            workers.send(number, b"")
        yield from received_counts(workers)


def received_counts(workers: WorkerProcesses) -> Iterator[tuple[str, int]]:
    """The words that processes answer with. Raises RecipeError if one is killed."""
    for number in range(len(workers)):
        while found := workers.received(number):
            yield from map(tuple, json.loads(found))
        if found is None:
            raise RecipeError("a process that counted words was killed; train again")


def row_counts(texts: TextRows, size: int | None = None) -> Iterator[CountedText]:
    """The words of many texts and how often they occur; a text that begins with a tab or the like is given itself.

    size: bytes for which processes are started; default: those of all texts in the same file.
    """
    others = list[str]()

    def parts() -> Iterator[bytes]:
        if isinstance(texts, FileRows):
            for joined, rest in texts.joined():
                yield b" " + joined if joined else b""
                yield usual_part(rest, others)
            return
        left = filter(None, texts.contents())
        while some := list(islice(left, TOGETHER)):
            yield usual_part(some, others)

    yield from counted_words(parts(), texts.size if size is None else size)
    yield from others


def usual_part(contents: list[bytes], others: list[str]) -> bytes:
    """Texts as a part of one text, besides those that begin with a tab or the like, which are added to others."""
    found = list[bytes]()
    for content in contents:
        if MAY_BE_SPACE[content[0]] and content[0] != SPACE and (text := text_of(content))[0].isspace():
            others.append(text)
        else:
            found.append(content[1:] if content[0] == SPACE else content)
    return b" " + b" ".join(found) if found else b""


def given_contents(contents: Iterable[bytes]) -> Iterator[bytes]:
    """In a process: what comes until it is empty."""
    for content in contents:
        if not content:
            return
        yield content
    raise SystemExit  # the caller was killed


def answer_counts(found: Iterator[tuple[str, int]]) -> None:
    """In a process: answer with words, then with nothing."""
    with tempfile.TemporaryFile() as kept:  # the caller reads nothing before it has sent all
        while some := list(islice(found, ANSWERED)):
            kept.write(framed(json.dumps(some).encode()))
        kept.seek(0)
        while content := read_framed(kept):
            answer(content)
    answer(b"")


def _work() -> None:
    """Count what comes."""
    answer_counts(word_counts(given_contents(given()[1])))


if __name__ == "__main__":
    _work()
