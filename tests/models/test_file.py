"""The checkpoint format: files are read back unchanged, and invalid files are refused."""

import json
import os
import pickle
import struct

import numpy as np
import pytest

from seqshell.core.errors import CheckpointError
from seqshell.models import file as checkpoint

HEADER = {
    "kind": "model",
    "architecture": "elman",
    "task": "generate",
    "config": {"vocab_size": 3},
    "tokenizer": {"name": "char", "vocabulary": "ab\ud800"},
    "provenance": {"data": {"name": "a text with ünusual 'letters'"}},
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "some.safetensors"


def raw(path, outer, data=b"", length=None):
    """Write a file with this header, given as bytes or as JSON, without checks."""
    text = outer if isinstance(outer, bytes) else json.dumps(outer).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)
    return path


def described(**tensors):
    return {"__metadata__": {"seqshell": json.dumps({"format": 1, **HEADER})}, **tensors}


def tensor(shape, begin, end, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def refusal(path):
    """The error message of both readers."""
    with pytest.raises(CheckpointError) as whole:
        checkpoint.read(path)
    with pytest.raises(CheckpointError) as header:
        checkpoint.read_header(path)
    assert str(header.value) == str(whole.value)
    return str(whole.value)


# What is written comes back


def test_tensors_of_every_dtype_are_read_back_unchanged(path):
    tensors = {
        "readout.weight": np.arange(6, dtype=np.float32).reshape(2, 3),
        "transposed": np.arange(6, dtype=np.float64).reshape(2, 3).T,
        "ids": np.array([1, -2], np.int64),
        "mask": np.array([[True, False]]),
        "scalar": np.array(7, np.int32),
        "empty": np.zeros((0, 4), np.float32),
        "bytes": np.arange(3, dtype=np.uint8),
    }
    checkpoint.write(path, HEADER, tensors)
    header, found = checkpoint.read(path)

    assert header == {"format": 1, **HEADER}
    assert checkpoint.read_header(path) == header
    assert set(found) == set(tensors)
    for name, values in tensors.items():
        assert found[name].dtype == values.dtype
        np.testing.assert_array_equal(found[name], values)


def test_float16_takes_half_the_bytes_and_is_read_as_float32(path):
    values = np.linspace(-3, 3, 10_000, dtype=np.float32)
    checkpoint.write(path, HEADER, {"weight": values})
    full = path.stat().st_size
    checkpoint.write(path, HEADER, {"weight": values.astype(np.float16)})

    assert path.stat().st_size == full - 20_000
    found = checkpoint.read(path)[1]["weight"]
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, values.astype(np.float16).astype(np.float32))


def test_other_readers_of_the_format_can_read_the_file(path):
    from safetensors.numpy import load_file

    checkpoint.write(path, HEADER, {"weight": np.eye(3, dtype=np.float32)})
    np.testing.assert_array_equal(load_file(path)["weight"], np.eye(3))


def test_a_session_needs_no_fields_of_a_model(path):
    checkpoint.write(path, {"kind": "session", "position": 3}, {})
    assert checkpoint.read(path) == ({"format": 1, "kind": "session", "position": 3}, {})


def test_the_fingerprint_depends_only_on_weights_config_and_tokenizer(path):
    weights = {"a": np.ones(3, np.float32), "b": np.zeros(2, np.float32)}
    first = checkpoint.fingerprint(HEADER, weights)

    assert (
        checkpoint.fingerprint({**HEADER, "about": "another text", "examples": ["a"]}, dict(reversed(weights.items())))
        == first
    )
    checkpoint.write(path, HEADER, weights)
    assert checkpoint.fingerprint(*checkpoint.read(path)) == first
    others = [
        (HEADER, {**weights, "a": np.array([1, 1, 1.0000001], np.float32)}),
        (HEADER, {"a": np.ones(2, np.float32), "b": np.zeros(3, np.float32)}),
        (HEADER, {"a": weights["a"]}),
        ({**HEADER, "config": {"vocab_size": 4}}, weights),
        ({**HEADER, "tokenizer": {"name": "byte"}}, weights),
        ({**HEADER, "architecture": "gru"}, weights),
    ]
    assert len({first, *(checkpoint.fingerprint(*other) for other in others)}) == 7


# Invalid content is not written


@pytest.mark.parametrize(
    ("header", "tensors", "message"),
    [
        ({"loss": float("nan")}, {}, "not plain JSON"),
        ({"loss": object()}, {}, "not plain JSON"),
        ({}, {"a b": np.zeros(1, np.float32)}, "invalid tensor name 'a b'"),
        ({}, {"n" * 129: np.zeros(1, np.float32)}, "invalid tensor name"),
        ({}, {"deep": np.zeros((1,) * 9, np.float32)}, "at most 8 whole numbers"),
        ({}, {"complex": np.zeros(1, np.complex64)}, "complex has the dtype complex64"),
        (
            {},
            {f"t{index}": np.zeros(0, np.float32) for index in range(4097)},
            "has 4,097 tensors; at most 4,096 are allowed",
        ),
        ({"about": "x" * 8_000_000}, {}, "at most 8,000,000 are allowed"),
        ({"config": None}, {}, "'config' is missing from the header or has the wrong type"),
        ({"parameters": True}, {}, "'parameters' in the header has the wrong type"),
        ({"kind": "recipe"}, {}, "must be model, session or state"),
    ],
)
def test_content_that_could_not_be_read_is_not_written(path, header, tensors, message):
    with pytest.raises(CheckpointError, match=message):
        checkpoint.write(path, {**HEADER, **header}, tensors)
    assert not path.exists()


# Invalid files are refused


@pytest.mark.parametrize(
    ("outer", "data", "message"),
    [
        (described(w=tensor([2], 0, 8)), b"\0" * 7, "is truncated or damaged: its tensors need 8 bytes, but it has 7"),
        (described(w=tensor([2], 0, 8)), b"\0" * 9, "is truncated or damaged"),
        (described(w=tensor([2**40], 0, 2**42)), b"\0" * 8, "is truncated or damaged"),
        (described(w=tensor([3], 0, 8)), b"\0" * 8, "the data_offsets of the tensor w do not fit its shape"),
        (described(w=tensor([2**47, 2**47], 0, 8)), b"\0" * 8, "do not fit its shape"),
        (described(w=tensor([-2], 0, -8)), b"", "the shape of the tensor w must be at most 8 whole numbers"),
        (described(w=tensor([True], 0, 4)), b"\0" * 4, "the shape of the tensor w must be at most 8 whole numbers"),
        (described(w=tensor([1.0], 0, 4)), b"\0" * 4, "the shape of the tensor w must be at most 8 whole numbers"),
        (described(w=tensor([1], 0, 4), v=tensor([1], 0, 4)), b"\0" * 4, "does not start where the previous one ends"),
        (described(w=tensor([1], 4, 8)), b"\0" * 8, "does not start where the previous one ends"),
        (described(w=tensor([1], 0, 2, "BF16")), b"\0" * 2, "has the unknown dtype 'BF16'"),
        (described(w=tensor([1], 0, 2, ["F16"])), b"\0" * 2, "has the unknown dtype"),
        (described(w={"dtype": "F32"}), b"", "is not described by dtype, shape and data_offsets"),
        (described(w=None), b"", "is not described by"),
        (described(**{"../w": tensor([1], 0, 4)}), b"\0" * 4, "invalid tensor name '../w'"),
        ({"w": tensor([1], 0, 4)}, b"\0" * 4, "was not written by seqshell"),
        ({"__metadata__": {"seqshell": {}}}, b"", "was not written by seqshell"),
        ({"__metadata__": {"seqshell": "{"}}, b"", "not valid JSON"),
        ({"__metadata__": {"seqshell": "[]"}}, b"", "it is not an object"),
        ({"__metadata__": {"seqshell": '{"format": 1, "format": 1}'}}, b"", "a key occurs twice"),
        ({"__metadata__": {"seqshell": '{"format": NaN}'}}, b"", "NaN is not a finite number"),
        ({"__metadata__": {"seqshell": '{"format": 1e999}'}}, b"", "1e999 is not a finite number"),
        ({"__metadata__": {"seqshell": '{"format": -Infinity}'}}, b"", "-Infinity is not a finite number"),
        ({"__metadata__": {"seqshell": '{"format": ' + "9" * 5000 + "}"}}, b"", "not valid JSON"),
        ({"__metadata__": {"seqshell": '{"a": ' + "[" * 40 + "]" * 40 + "}"}}, b"", "nested deeper than 32 levels"),
        ({"__metadata__": {"seqshell": '{"a": ' + "[" * 100_000 + "]" * 100_000 + "}"}}, b"", "nested too deeply"),
        ({"__metadata__": {"seqshell": '{"format": true}'}}, b"", "has no format"),
        ({"__metadata__": {"seqshell": '{"format": 2}'}}, b"", "has format 2, but this seqshell reads format 1"),
        (b'{"w": 1, "w": 2}', b"", "a key occurs twice"),
        (b"\xff\xfe", b"", "not valid JSON"),
        (b"", b"", "not valid JSON"),
    ],
)
def test_an_invalid_header_is_refused(path, outer, data, message):
    assert message in refusal(raw(path, outer, data))


def test_every_truncation_of_a_good_file_is_refused(path):
    checkpoint.write(path, HEADER, {"weight": np.arange(4, dtype=np.float32)})
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert ("truncated" if length else "is empty; copy or download it again") in refusal(path)


def test_a_header_length_beyond_the_limit_or_the_file_is_refused_before_reading(path):
    assert "is truncated or damaged: it has 10 bytes" in refusal(raw(path, b"{}", length=2**63))
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", 9_000_000))
        file.truncate(10_000_000)  # a hole: no byte of it is on the disk
    assert "the header has 9,000,000 bytes; at most 8,000,000 are allowed" in refusal(path)


def test_pickles_and_archives_are_refused_by_name_and_by_content_without_loading_them(path, tmp_path):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "sprung"),)

    for ending in (".pt", ".pkl", ".bin", ".npz", ".PTH"):
        other = tmp_path / f"model{ending}"
        other.write_bytes(pickle.dumps(Trap()))
        assert f"model{ending} wants to call posix.mkdir; seqshell does not do that" in refusal(other)
    path.write_bytes(pickle.dumps({"weights": Trap()}))
    assert "some.safetensors wants to call posix.mkdir" in refusal(path)
    path.write_bytes(b"PK\x03\x04" + b"\0" * 3 + b"\1" + b"rest of the archive")
    assert "begins as an archive and does not end as one" in refusal(path)
    assert not (tmp_path / "sprung").exists()


def test_special_files_folders_and_missing_files_are_refused_without_blocking(tmp_path):
    os.mkfifo(tmp_path / "pipe.safetensors")

    assert "special file" in refusal(tmp_path / "pipe.safetensors")
    assert "special file" in refusal("/dev/zero")
    assert "is a folder" in refusal(tmp_path)
    assert "No such file" in refusal(tmp_path / "none.safetensors")
    assert "Not a directory" in refusal("/dev/null/none.safetensors")


def test_a_folder_that_cannot_be_written_is_reported():
    with pytest.raises(CheckpointError, match="cannot write"):
        checkpoint.write("/dev/null/x.safetensors", HEADER, {})
