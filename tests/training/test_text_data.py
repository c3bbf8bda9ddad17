"""Text for training: reading, splitting, and contiguous streams."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqshell.core.errors import RecipeError
from seqshell.training.data.text import Streams, fit_sizes, load_text, read_text
from seqshell.training.recipes.settings import DataSettings


def test_the_last_tenth_is_for_validation_and_nothing_is_lost(tmp_path: Path) -> None:
    text = "".join(chr(97 + index % 26) for index in range(1_115_394))
    (tmp_path / "input.txt").write_text(text)

    data = load_text(DataSettings(text="input.txt"), tmp_path)

    assert (len(data.training), len(data.validation)) == (1_003_854, 111_540)  # as nanoGPT splits tinyshakespeare
    assert data.training + data.validation == text
    assert data.sha256 == hashlib.sha256(text.encode()).hexdigest()


def test_a_file_can_be_the_validation_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a" * 300)
    (tmp_path / "b.txt").write_text("bb")

    data = load_text(DataSettings(text="a.txt", validation="b.txt"), tmp_path)

    assert (data.training, data.validation) == ("a" * 300, "bb")


def test_byte_order_marks_and_carriage_returns_are_removed(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfone\r\ntwo\rthree\n")
    assert read_text("a.txt", tmp_path)[1] == "one\ntwo\rthree\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"a.txt does not exist; get it from the library"),
        (b"", "a.txt is empty"),
        (b"abc\xff", r"a\.txt is not UTF-8 in line 1: byte 3 is 0xff; it is probably cp1252"),
        (b"short", "too short: 4 characters for training and 1 for validation; the minimum is 256 and 2"),
    ],
)
def test_invalid_training_data_is_reported_with_a_hint(tmp_path: Path, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(RecipeError, match=message):
        load_text(DataSettings(text="a.txt", origin="the library"), tmp_path)


def test_folders_and_devices_are_refused(tmp_path: Path) -> None:
    for word in (str(tmp_path), "/dev/null"):
        with pytest.raises(RecipeError, match=r"is a folder|not a regular file"):
            read_text(word)


def test_the_python_text_has_no_repeated_paragraphs() -> None:
    name, text, digest = read_text("python:pydoc_data.topics")
    paragraphs = [part for part in text.split("\n\n") if part.strip()]

    assert len(text) > 300_000
    assert len(set(paragraphs)) == len(paragraphs)
    assert (name, digest) == ("python:pydoc_data.topics", hashlib.sha256(text.encode()).hexdigest())
    with pytest.raises(RecipeError, match=r"python:pydoc_data\.topics"):
        read_text("python:os.environ")


@given(st.integers(2, 400), st.integers(1, 9), st.integers(1, 20), st.integers(0, 400))
def test_each_stream_continues_in_the_next_batch_and_targets_are_one_ahead(
    size: int, batch_size: int, length: int, offset: int
) -> None:
    if (size - 1) // batch_size < length:
        return
    streams = Streams(np.arange(size), batch_size, length)
    offset %= size

    batches = list(streams.batches(offset))

    assert len(batches) == streams.num_batches
    rows = np.concatenate([inputs for inputs, _ in batches], 1)  # [B, batches * T]
    assert (np.diff(rows, axis=1) % size == 1).all()
    assert ((np.concatenate([targets for _, targets in batches], 1) - rows) % size == 1).all()
    assert rows[0, 0] == offset
    assert len(np.unique(rows)) == rows.size  # no token is read twice


def test_batches_from_the_middle_equal_those_of_the_whole_epoch() -> None:
    streams = Streams(np.arange(100), 3, 4)
    for (inputs, targets), (again, expected) in zip(list(streams.batches(7))[5:], streams.batches(7, 5), strict=True):
        np.testing.assert_array_equal(inputs, again)
        np.testing.assert_array_equal(targets, expected)


@given(st.integers(16, 100_000), st.integers(1, 64), st.integers(1, 256))
def test_sizes_that_fit_are_kept_and_others_shrink_to_four_batches_per_stream(
    num_tokens: int, batch_size: int, length: int
) -> None:
    fitted, short = fit_sizes(num_tokens, batch_size, length)

    assert 1 <= fitted <= batch_size
    assert 1 <= short <= length
    assert (num_tokens - 1) // fitted // short >= 4
    if (num_tokens - 1) // batch_size // length >= 8 * length:
        assert (fitted, short) == (batch_size, length)


def test_a_text_in_another_encoding_is_read_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(("it’s " * 100).encode("cp1252"))
    data = load_text(DataSettings(text="a.txt", encoding="cp1252"), tmp_path)

    assert data.training == "it’s " * 90
    assert data.sha256 == hashlib.sha256((tmp_path / "a.txt").read_bytes()).hexdigest()
