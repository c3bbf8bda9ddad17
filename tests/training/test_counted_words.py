"""Words are numbered and counted, also in several processes, and texts have the ids of their words."""

from __future__ import annotations

import io
import random
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.training.large_texts import TEXT

from seqshell.core.errors import RecipeError, VocabularyError
from seqshell.core.subword_tokenizers import BPETokenizer, WordTokenizer
from seqshell.core.tokenizers import CharTokenizer
from seqshell.core.whitespace_tokenizer import WhitespaceTokenizer
from seqshell.training.data import (
    row_encoding,
    word_counting,
    word_numbers,
    worker_processes,
)
from seqshell.training.data.encoding_workers import EncodingWorkers, encoded_rows, num_workers
from seqshell.training.data.large_text import cut_before_spaces
from seqshell.training.data.part_encoding import part_encoder
from seqshell.training.data.token_rows import NewRows, TextRows, TokenRows, lengths_of


def test_workers_give_the_same_ids_and_a_part_that_they_lose_is_encoded_here() -> None:
    tokenizer = WordTokenizer.train([TEXT[:1500]])
    parts = list(cut_before_spaces([TEXT[:900], TEXT[900:1800], TEXT[1800:]])) * 3
    expected = list(map(part_encoder(tokenizer, TEXT), parts))
    with EncodingWorkers(tokenizer, TEXT, 2) as workers:
        found = workers.encoded(iter(parts))
        first = [next(found) for _ in range(2)]
        workers.workers.processes[0].kill()
        assert [*first, *found] == expected
    groups = [[b"", b" aa", "\u03a3 b".encode()], [TEXT.encode(), b"zzz"]] * 2
    with EncodingWorkers(tokenizer, None, 2) as workers, EncodingWorkers(tokenizer, None, 0) as none:
        answers = workers.encoded_rows(groups)
        found = [next(answers), next(answers)]
        workers.workers.processes[0].kill()
        for one, other in zip([*found, *answers], none.encoded_rows(groups), strict=True):
            for array, expected in zip(one, other, strict=True):
                np.testing.assert_array_equal(array, expected)
    assert num_workers(WordTokenizer, 10) == num_workers(CharTokenizer, 10**9) == 0


def test_words_have_the_numbers_of_the_first_that_are_equal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_numbers, "WINDOW", 50)
    monkeypatch.setattr(word_numbers, "LONG", 24)
    draws = random.Random(0)
    words = [
        *(str(draws.randrange(9000)) * draws.randint(1, 8) for _ in range(9000)),
        "",
        "",
        "x" * 60,
        "é" * 20,
        "1",
        "x" * 60,
        "",
    ]
    number, found, new, expected = word_numbers.WordNumbers(), [], [], dict[str, int]()
    for start in range(0, len(words), 1000):
        numbers, some = number(" ".join(words[start : start + 1000]).encode())
        found += numbers.tolist()
        new += some
    assert [new[place].decode() for place in found] == words
    expected = [expected.setdefault(word, len(expected)) for word in words[:9005]]
    assert found[:9005] == expected
    assert number.size == len(new) == len(set(words)) + 1  # a word that is longer than a window comes again


def test_words_are_counted_as_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = list(cut_before_spaces([TEXT[:900], TEXT[900:1800], TEXT[1800:], "end"]))
    parts = [text.encode() for text in texts]
    for most in (word_numbers.MOST_REMEMBERED, 3):
        monkeypatch.setattr(word_numbers, "MOST_REMEMBERED", most)
        for kind in (WordTokenizer, WhitespaceTokenizer):
            assert kind.train(word_numbers.word_counts(parts)).to_json() == kind.train(["".join(texts)]).to_json()
    assert list(word_numbers.word_counts([b"alone"])) == [("alone", 1)]
    monkeypatch.setattr(word_counting, "TOGETHER", 3)
    rows_of_text = [*TEXT[:600].split("\n"), "\tthe cat", "", " the  cat ", "\u00a0the"]
    rows = NewRows(np.uint8)
    for text in rows_of_text:
        rows.append(text.encode())
    for kind in (WordTokenizer, WhitespaceTokenizer):
        found = kind.train(word_counting.row_counts(TextRows(*map(np.asarray, rows.arrays()))))
        assert found.to_json() == kind.train(rows_of_text).to_json()


def test_words_are_counted_in_several_processes_and_a_killed_one_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_processes, "available_cores", lambda: 2)
    texts = list(cut_before_spaces([TEXT[:900], TEXT[900:1800], TEXT[1800:], "end"]))
    expected, parts = WordTokenizer.train(texts), [text.encode() for text in texts]
    found = WordTokenizer.train(word_counting.counted_words(parts, worker_processes.LEAST))
    assert found.to_json() == expected.to_json()

    def counted_here(content: bytes) -> bytes:
        out = io.BytesIO()
        monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b"{}\n" + content)))
        monkeypatch.setattr("sys.stdout", SimpleNamespace(buffer=out))
        word_counting._work()
        return out.getvalue()

    framed, some = worker_processes.framed, " a é a".encode()
    assert counted_here(framed(some) + framed(b"")) == framed(b'[[" a", 2], [" \\u00e9", 1]]') + framed(b"")
    with pytest.raises(SystemExit):  # the caller was killed
        counted_here(framed(some))
    monkeypatch.undo()
    monkeypatch.setattr(worker_processes, "available_cores", lambda: 2)

    class Killed(worker_processes.WorkerProcesses):
        def __enter__(self) -> worker_processes.WorkerProcesses:
            super().__enter__()
            self.processes[-1].kill()
            return self

    monkeypatch.setattr(word_counting, "WorkerProcesses", Killed)
    with pytest.raises(RecipeError, match=r"^a process that counted words was killed; train again$"):
        list(word_counting.counted_words(parts, worker_processes.LEAST))


@settings(max_examples=40)
@given(st.lists(st.text("abé.\n\u0301- \u0130\u03a3q<", max_size=12), max_size=9))
def test_the_ids_of_many_texts_are_those_of_each(texts: list[str]) -> None:
    beginning = "ab ba. aéb\n-' a\u03c2 7"
    for tokenizer in (
        CharTokenizer("ab é.\n"),
        WordTokenizer.train([beginning], lowercase=True, specials=True),
        WhitespaceTokenizer.train([beginning], end_of_line=False),
        BPETokenizer.train([beginning * 3], vocab_size=20),
    ):
        expected = []
        for text in texts:
            try:
                expected.append(tokenizer.encode(text))
            except VocabularyError:
                expected.append(None)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(row_encoding, "TOGETHER", 4)
            found = list(encoded_rows(tokenizer, texts))
        ids, sizes = (np.concatenate([np.zeros(0, int), *(part[place] for part in found)]) for place in (0, 1))
        assert sizes.tolist() == [len(each or ()) for each in expected]
        assert ids.tolist() == [token for each in expected for token in each or ()]


def test_the_ids_of_texts_are_kept_in_small_integers() -> None:
    new = NewRows.of_ids(CharTokenizer("abcdef"))
    for row in ([1, 2], [3], []):
        new.append(row)
    rows = TokenRows(*new.arrays())
    assert list(rows) == rows[:] == [[1, 2], [3], []]
    assert (rows[-2], rows[::2], len(rows)) == ([3], [[1, 2], []], 3)
    assert lengths_of(rows).tolist() == lengths_of(list(rows)).tolist() == [2, 1, 0]
    with pytest.raises(IndexError):
        rows[3]
