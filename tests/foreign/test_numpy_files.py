"""Archives of numpy's arrays are read; arrays of objects are read without executing anything."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqshell import CheckpointError, Record, read_npz


class Acts:
    def __reduce__(self) -> Any:
        return os.mkdir, ("ran",)


class Words:
    def __init__(self) -> None:
        self.words = ["a"]


def test_arrays_of_numbers_texts_and_objects_are_read(folder: Path) -> None:
    fortran = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    objects = np.array([["a", None], [2, [3]]], dtype=object)
    np.savez("a.npz", fortran, none=np.zeros((0, 2)), text=np.array("é"), objects=objects, one=np.array(Words()))
    found = read_npz(Path("a.npz"))
    np.testing.assert_array_equal(found["arr_0"], fortran)
    assert found["none"].shape == (0, 2)
    assert found["text"].item() == "é"
    assert found["objects"] == ["a", None, 2, [3]]
    assert isinstance(found["one"], Record)
    assert found["one"].fields == {"words": ["a"]}


def archive(name: str, array: bytes) -> Path:
    path = Path(f"{name}.npz")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a.npy", array)
    return path


def npy(values: Any) -> bytes:
    data = io.BytesIO()
    np.save(data, values)
    return data.getvalue()


ZEROS = npy(np.zeros(3))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (npy(np.array(Acts(), dtype=object)), r"it wants to call posix\.mkdir"),
        (ZEROS[:-1], r"its array a is damaged \(\[3\] with 23 bytes\)"),
        (ZEROS.replace(b"(3,)", b"(9,)"), r"\[9\] with 24 bytes"),
        (ZEROS.replace(b"(3,)", b"(1,-3)"), "its array a is damaged"),
        (ZEROS.replace(b"<f8", b"zzz"), "its array a is damaged"),
        (ZEROS[:6] + b"\x09" + ZEROS[7:], "its array a is damaged"),
        (ZEROS.replace(b"(3,)", b"(3, "), "its array a is damaged"),
        (b"no array", "its array a is damaged"),
        (npy(np.array(["a", 1], dtype=object)).replace(b"(2,)", b"(3,)"), "another content than its header says"),
        (b"\0" * 2_000_000, "its arrays are much larger than the file"),
    ],
    ids=["acts", "cut", "larger", "negative", "format", "version", "bracket", "text", "objects", "zeros"],
)
def test_hostile_archives_are_refused(folder: Path, data: bytes, message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        read_npz(archive("bad", data))
    assert not (folder / "ran").exists()


def test_a_file_that_is_no_archive_is_refused(folder: Path) -> None:
    Path("text.npz").write_text("text")
    with pytest.raises(CheckpointError, match=r"text\.npz is not read: its archive is damaged"):
        read_npz(Path("text.npz"))
