"""Numbers of rows in small integers: splits, labels and batches are those of plain Python."""

from __future__ import annotations

import random

import numpy as np
import pytest

from seqshell.training.classification.data import _different
from seqshell.training.classification.linear_part import FittedPart
from seqshell.training.data import coded
from seqshell.training.data.array_store import array_parts
from seqshell.training.data.batches import RowBatches, group
from seqshell.training.data.coded import Labels, Places, counts_of, label_counts, numbers_of_labels
from seqshell.training.data.distinct import numbers_of
from seqshell.training.data.small_integers import integer_type, rows_where, shuffled, small


@pytest.mark.parametrize(("size", "bits"), [(0, 8), (256, 8), (257, 16), (65_536, 16), (65_537, 32)])
def test_the_smallest_integers_for_a_number_of_rows_are_found(size: int, bits: int) -> None:
    assert integer_type(size) == np.dtype(f"u{bits // 8}")


@pytest.mark.parametrize("size", [0, 1, 200, 300, 70_000])
def test_small_integers_are_shuffled_as_numpy_permutes(size: int) -> None:
    order, expected = (
        make(np.random.default_rng(3))
        for make in (lambda draws: shuffled(size, draws), lambda draws: draws.permutation(size))
    )
    assert order.dtype == integer_type(size)
    assert order.tolist() == expected.tolist()


def test_small_numbers_and_rows_keep_their_values() -> None:
    assert small(np.array([0, 300])).dtype == np.uint16
    assert small(np.zeros(0, np.int64)).dtype == np.uint8
    chosen = np.arange(1000) % 7 == 3
    assert rows_where(chosen).dtype == np.uint16
    assert rows_where(chosen).tolist() == np.flatnonzero(chosen).tolist()
    name, dtype, parts = array_parts("rows", rows_where(chosen))
    assert (name, dtype, b"".join(parts)) == ("rows", np.uint16, rows_where(chosen).tobytes())


def test_equal_texts_have_the_number_of_the_first_of_them() -> None:
    draws = random.Random(0)
    texts = [str(draws.randrange(400)) for _ in range(900)]
    expected: dict[str, int] = {}
    numbers = numbers_of(texts)
    assert numbers.tolist() == [expected.setdefault(text, len(expected)) for text in texts]
    assert numbers_of([]).tolist() == []


def test_labels_and_places_of_some_rows_share_the_numbers_of_all() -> None:
    numbers = np.array([0, 1, 1, 2], np.uint8)
    labels, places = Labels(numbers, ("b", "a", "c")), Places(numbers, "t.csv, row {}, column label".format)
    some = labels.at(np.array([1, 2, 3])).at(np.array([0, 2]))
    assert list(some) == some[0:2] == ["a", "c"]
    assert (some[1], len(some), len(labels)) == ("c", 2, 4)
    assert places.at(np.array([3, 0]))[0] == "t.csv, row 2, column label"
    assert numbers_of_labels(some, ["a", "c"]).tolist() == numbers_of_labels(["a", "c"], ["a", "c"]).tolist() == [0, 1]
    assert (
        list(label_counts(labels).items()) == list(label_counts(list(labels)).items()) == [("a", 2), ("b", 1), ("c", 1)]
    )
    assert label_counts(some) == {"a": 1, "c": 1}


def test_batches_are_rows_between_their_ends() -> None:
    batches = RowBatches(np.array([4, 3, 2, 1, 0], np.uint8), np.array([0, 2, 4, 5]), np.array([2, 0, 1], np.uint8))
    assert [batch.tolist() for batch in batches] == [[0], [4, 3], [2, 1]]
    assert batches[0].dtype == np.int64
    assert [batch.tolist() for batch in batches[1:]] == [[4, 3], [2, 1]]


def test_sentences_of_255_tokens_are_counted_with_their_end() -> None:
    targets = [[5] * 255] * 4
    batches = group(targets, targets, sentences=0, tokens=512, draws=np.random.default_rng(0))
    assert [len(batch) for batch in batches] == [2, 2]


def test_texts_that_a_linear_part_is_not_fitted_to_have_no_corrections() -> None:
    none = np.zeros(0, np.float32)
    part = FittedPart(np.zeros(0, np.int64), none, none, np.array([[1, -1], [2, -2]], np.float32), step=3)
    assert part.corrections_of(np.array([3, 1, 0, 4])).tolist() == [[2, -2], [0, 0], [1, -1], [0, 0]]


def test_numbers_are_counted_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = np.random.default_rng(0).integers(0, 9, 100, np.uint8)
    monkeypatch.setattr(coded, "COUNTED", 30)
    assert counts_of(numbers, 11).tolist() == [numbers.tolist().count(each) for each in range(11)]
    assert counts_of(numbers[:0], 2).tolist() == [0, 0]


@pytest.mark.parametrize("numbers", [[5, 2, 5, 0], [900, 3, 900], []])
def test_the_different_ones_of_small_and_large_numbers_are_found(numbers: list[int]) -> None:
    assert _different(np.array(numbers, np.int64)).tolist() == sorted(set(numbers))
