"""The checkpoint format: what is written comes back, what lies is refused, and a crash leaves the old file or the new one."""

import json
import os
import pickle
import signal
import struct
import time

import numpy as np
import pytest

from seqshell.core.errors import CheckpointError, UsageError
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
    """A file with this header, as bytes or as JSON, whatever it says."""
    text = outer if isinstance(outer, bytes) else json.dumps(outer).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)
    return path


def described(**tensors):
    return {"__metadata__": {"seqshell": json.dumps({"format": 1, **HEADER})}, **tensors}


def tensor(shape, begin, end, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def refusal(path):
    """What both readers say of a file."""
    with pytest.raises(CheckpointError) as whole:
        checkpoint.read(path)
    with pytest.raises(CheckpointError) as header:
        checkpoint.read_header(path)
    assert str(header.value) == str(whole.value)
    return str(whole.value)


# What is written comes back


def test_every_kind_of_tensor_comes_back_as_it_was(path):
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


def test_float16_is_stored_in_half_the_bytes_and_comes_back_as_float32(path):
    values = np.linspace(-3, 3, 10_000, dtype=np.float32)
    checkpoint.write(path, HEADER, {"weight": values})
    full = path.stat().st_size
    checkpoint.write(path, HEADER, {"weight": values.astype(np.float16)})

    assert path.stat().st_size == full - 20_000
    found = checkpoint.read(path)[1]["weight"]
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, values.astype(np.float16).astype(np.float32))


def test_other_readers_of_the_format_read_what_is_written(path):
    from safetensors.numpy import load_file

    checkpoint.write(path, HEADER, {"weight": np.eye(3, dtype=np.float32)})
    np.testing.assert_array_equal(load_file(path)["weight"], np.eye(3))


def test_a_session_needs_no_fields_of_a_model(path):
    checkpoint.write(path, {"kind": "session", "position": 3}, {})
    assert checkpoint.read(path) == ({"format": 1, "kind": "session", "position": 3}, {})


def test_the_fingerprint_changes_with_weights_config_and_tokenizer_and_with_nothing_else(path):
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


# What is not written


@pytest.mark.parametrize(
    ("header", "tensors", "message"),
    [
        ({"loss": float("nan")}, {}, "not plain JSON"),
        ({"loss": object()}, {}, "not plain JSON"),
        ({}, {"a b": np.zeros(1, np.float32)}, "'a b' cannot be the name of a tensor"),
        ({}, {"n" * 129: np.zeros(1, np.float32)}, "cannot be the name of a tensor"),
        ({}, {"deep": np.zeros((1,) * 9, np.float32)}, "at most 8 whole numbers"),
        ({}, {"complex": np.zeros(1, np.complex64)}, "complex has the dtype complex64"),
        ({}, {f"t{index}": np.zeros(0, np.float32) for index in range(4097)}, "has 4,097 tensors; 4,096 are allowed"),
        ({"about": "x" * 8_000_000}, {}, "8,000,000 are allowed"),
        ({"config": None}, {}, "lacks 'config'"),
        ({"parameters": True}, {}, "'parameters' is of a wrong type"),
        ({"kind": "recipe"}, {}, "must be model or session"),
    ],
)
def test_nothing_is_written_that_would_not_be_read(path, header, tensors, message):
    with pytest.raises(CheckpointError, match=message):
        checkpoint.write(path, {**HEADER, **header}, tensors)
    assert not path.exists()


# What is refused


@pytest.mark.parametrize(
    ("outer", "data", "message"),
    [
        (described(w=tensor([2], 0, 8)), b"\0" * 7, "was cut off or changed: its tensors need 8 bytes and it holds 7"),
        (described(w=tensor([2], 0, 8)), b"\0" * 9, "was cut off or changed"),
        (described(w=tensor([2**40], 0, 2**42)), b"\0" * 8, "was cut off or changed"),
        (described(w=tensor([3], 0, 8)), b"\0" * 8, "the bytes of the tensor w do not fit its shape"),
        (described(w=tensor([2**47, 2**47], 0, 8)), b"\0" * 8, "do not fit its shape"),
        (described(w=tensor([-2], 0, -8)), b"", "a shape of at most 8 whole numbers"),
        (described(w=tensor([True], 0, 4)), b"\0" * 4, "a shape of at most 8 whole numbers"),
        (described(w=tensor([1.0], 0, 4)), b"\0" * 4, "a shape of at most 8 whole numbers"),
        (described(w=tensor([1], 0, 4), v=tensor([1], 0, 4)), b"\0" * 4, "does not begin where the one before it ends"),
        (described(w=tensor([1], 4, 8)), b"\0" * 8, "does not begin where the one before it ends"),
        (described(w=tensor([1], 0, 2, "BF16")), b"\0" * 2, "has the dtype 'BF16'"),
        (described(w=tensor([1], 0, 2, ["F16"])), b"\0" * 2, "has the dtype"),
        (described(w={"dtype": "F32"}), b"", "is not described by dtype, shape and data_offsets"),
        (described(w=None), b"", "is not described by"),
        (described(**{"../w": tensor([1], 0, 4)}), b"\0" * 4, "'../w' cannot be the name of a tensor"),
        ({"w": tensor([1], 0, 4)}, b"\0" * 4, "was not written by seqshell"),
        ({"__metadata__": {"seqshell": {}}}, b"", "was not written by seqshell"),
        ({"__metadata__": {"seqshell": "{"}}, b"", "no JSON that seqshell accepts"),
        ({"__metadata__": {"seqshell": "[]"}}, b"", "it is no object"),
        ({"__metadata__": {"seqshell": '{"format": 1, "format": 1}'}}, b"", "a key stands twice"),
        ({"__metadata__": {"seqshell": '{"format": NaN}'}}, b"", "NaN is no number"),
        ({"__metadata__": {"seqshell": '{"format": 1e999}'}}, b"", "1e999 is no number"),
        ({"__metadata__": {"seqshell": '{"format": -Infinity}'}}, b"", "-Infinity is no number"),
        ({"__metadata__": {"seqshell": '{"format": ' + "9" * 5000 + "}"}}, b"", "no JSON that seqshell accepts"),
        ({"__metadata__": {"seqshell": '{"a": ' + "[" * 40 + "]" * 40 + "}"}}, b"", "nested deeper than 32 levels"),
        ({"__metadata__": {"seqshell": '{"a": ' + "[" * 100_000 + "]" * 100_000 + "}"}}, b"", "nested too deeply"),
        ({"__metadata__": {"seqshell": '{"format": true}'}}, b"", "does not say its format"),
        ({"__metadata__": {"seqshell": '{"format": 2}'}}, b"", "has the format 2, this seqshell reads 1"),
        (b'{"w": 1, "w": 2}', b"", "a key stands twice"),
        (b"\xff\xfe", b"", "no JSON that seqshell accepts"),
        (b"", b"", "no JSON that seqshell accepts"),
    ],
)
def test_a_header_that_lies_is_refused(path, outer, data, message):
    assert message in refusal(raw(path, outer, data))


def test_every_truncation_of_a_good_file_is_refused(path):
    checkpoint.write(path, HEADER, {"weight": np.arange(4, dtype=np.float32)})
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert "cut off" in refusal(path)


def test_a_length_beyond_the_limit_or_the_file_is_refused_before_anything_is_read(path):
    assert "is no checkpoint or was cut off" in refusal(raw(path, b"{}", length=2**63))
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", 9_000_000))
        file.truncate(10_000_000)  # a hole: no byte of it is on the disk
    assert "the header has 9,000,000 bytes; 8,000,000 are allowed" in refusal(path)


def test_pickles_and_archives_are_refused_by_name_and_by_content_and_never_loaded(path, tmp_path):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "sprung"),)

    for ending in (".pt", ".pkl", ".bin", ".npz", ".PTH"):
        other = tmp_path / f"model{ending}"
        other.write_bytes(pickle.dumps(Trap()))
        assert "write it with seqshell.save_checkpoint" in refusal(other)
    path.write_bytes(pickle.dumps(Trap()))
    assert "is a pickle or a zip archive" in refusal(path)
    path.write_bytes(b"PK\x03\x04" + b"\0" * 3 + b"\1" + b"rest of the archive")
    assert "is a pickle or a zip archive" in refusal(path)
    assert not (tmp_path / "sprung").exists()


def test_special_files_folders_and_missing_files_are_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe.safetensors")

    assert "special file" in refusal(tmp_path / "pipe.safetensors")
    assert "special file" in refusal("/dev/zero")
    assert "is a folder" in refusal(tmp_path)
    assert "No such file" in refusal(tmp_path / "none.safetensors")
    assert "Not a directory" in refusal("/dev/null/none.safetensors")


# Writing that survives a crash


def test_writing_keeps_the_umask_and_a_symbolic_link_and_leaves_nothing_beside_it(tmp_path):
    (tmp_path / "there").mkdir()
    link = tmp_path / "link.txt"
    link.symlink_to(tmp_path / "there" / "file.txt")
    before = os.umask(0o027)
    try:
        checkpoint.write_atomically(link, b"first")
        checkpoint.write_atomically(str(link), b"second")
    finally:
        os.umask(before)

    assert link.is_symlink()
    assert (tmp_path / "there" / "file.txt").read_bytes() == b"second"
    assert (tmp_path / "there" / "file.txt").stat().st_mode & 0o777 == 0o640
    assert os.listdir(tmp_path / "there") == ["file.txt"]


def test_devices_pipes_and_folders_are_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for target in ("/dev/null", tmp_path, tmp_path / "pipe"):
        with pytest.raises(UsageError, match="it is not a regular file"):
            checkpoint.write_atomically(target, b"")
    with pytest.raises(UsageError, match=r"cannot write .*: No such file"):
        checkpoint.write_atomically(tmp_path / "none" / "file", b"")
    with pytest.raises(CheckpointError, match="cannot write"):
        checkpoint.write("/dev/null/x.safetensors", HEADER, {})
    assert os.listdir(tmp_path) == ["pipe"]


def test_a_full_disk_leaves_the_old_file(path):
    """The limit on the size of a file stands for the disk; SIGXFSZ is ignored by Python, so that the write fails."""
    import resource

    path.write_bytes(b"old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(UsageError, match=r"cannot write .*: File too large"):
            checkpoint.write_atomically(path, b"x" * 100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert path.read_bytes() == b"old"
    assert os.listdir(path.parent) == [path.name]


def test_what_killed_writers_left_is_swept_after_an_hour(tmp_path):
    for name, age in (("old", 4000), ("young", 10)):
        left = tmp_path / f".seqshell-{name}.tmp"
        left.touch()
        os.utime(left, (time.time() - age,) * 2)
    checkpoint.write_atomically(tmp_path / "file", b"")

    assert sorted(os.listdir(tmp_path)) == [".seqshell-young.tmp", "file"]


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("old", [b"the old content", None])
def test_a_writer_killed_at_any_moment_leaves_the_old_file_or_the_new_one(path, old):
    """A child kills itself before and after the k-th system call of the write, for k = 1, 2, ... until it survives."""
    new = b"the new content" * 1000
    seen = set()
    for k in range(1, 100):
        path.unlink(missing_ok=True)
        if old is not None:
            path.write_bytes(old)
        child = os.fork()
        if child == 0:
            _write_and_die(path, new, k)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert status in (0, -signal.SIGKILL)
        found = path.read_bytes() if path.exists() else None
        assert found in (old, new)
        seen.add(found)
        if status == 0:
            break
    assert k > 14  # open, half a write, flush, fsync, close, replace, open, fsync, close, each before and after
    assert seen == {old, new}


def _write_and_die(path, data, k):
    """In a child: write, with a death at the k-th of the moments around each call."""
    moments = 0

    def moment():
        nonlocal moments
        moments += 1
        if moments == k:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(call):
        def wrapped(*arguments):
            moment()
            result = call(*arguments)
            moment()
            return result

        return wrapped

    def halving(handle, mode):
        file = real_open(handle, mode)
        whole, close = file.write, file.close

        class Halves:
            __enter__ = lambda self: self  # noqa: E731
            __exit__ = lambda self, *rest: around(close)() and None  # noqa: E731
            fileno = staticmethod(file.fileno)
            flush = staticmethod(around(file.flush))

            def write(self, content):
                whole(content[: len(content) // 2])
                file.flush()
                moment()
                whole(content[len(content) // 2 :])

        return Halves()

    real_open = os.fdopen
    os.fdopen = halving
    for name in ("open", "fsync", "replace", "close"):
        setattr(os, name, around(getattr(os, name)))
    try:
        checkpoint.write_atomically(path, data)
    except BaseException:
        os._exit(3)
    os._exit(0)
