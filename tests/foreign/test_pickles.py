"""Pickles of other programs are read as plain data and records; hostile ones execute nothing."""

from __future__ import annotations

import argparse
import collections
import io
import pickle
import zipfile
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.foreign.pickle_files import Vocabulary, as_file

from seqshell import CheckpointError, StoredTensor, read_torch
from seqshell.foreign.records import Name

PLAIN = {
    "text": "é ∑",
    "bytes": b"ab\xff",
    "numbers": [0, -1, 300, 70_000, 2**40, -(10**30), 1.5, True, None],
    "nested": ({"a": (1, 2, 3, 4)}, [[]], set(), {1, "b"}),
    ("a", 1): "a tuple as a key",
}


class Slotted:
    __slots__ = ("size",)


class Words(list[str]):
    pass


@pytest.fixture(autouse=True)
def _here(folder: Path) -> None:
    pass


@pytest.mark.parametrize("protocol", range(6))
def test_plain_data_is_itself(protocol: int) -> None:
    assert read_torch(as_file(pickle.dumps(PLAIN, protocol))) == PLAIN
    shared = [1]
    found = read_torch(as_file(pickle.dumps([shared, shared], protocol)))
    assert found[0] is found[1]
    cycle: list[Any] = []
    cycle.append(cycle)
    assert (found := read_torch(as_file(pickle.dumps(cycle, protocol))))[0] is found


@pytest.mark.parametrize("protocol", range(6))
def test_containers_and_arrays_become_plain_ones(protocol: int) -> None:
    array = np.arange(6.0).reshape(2, 3)
    things = [
        collections.OrderedDict(a=1),
        collections.defaultdict(list, b=[2]),
        collections.Counter("aab"),
        collections.deque([1, 2]),
        frozenset([3]),
        bytearray(b"xy"),
        2 + 3j,
        np.float32(1.5),
        np.int64(7),
    ]
    *found, in_order, transposed, texts = read_torch(
        as_file(pickle.dumps([*things, array, array.T, np.array(["é", "bc"])], protocol))
    )
    assert found == [{"a": 1}, {"b": [2]}, {"a": 2, "b": 1}, [1, 2], {3}, b"xy", 2 + 3j, 1.5, 7]
    np.testing.assert_array_equal(in_order.numpy(), array)
    np.testing.assert_array_equal(transposed.numpy(), array.T)
    assert (texts.numpy().tolist(), in_order.shape, in_order.kind) == (["é", "bc"], (2, 3), "float64")


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_objects_become_records(protocol: int) -> None:
    slotted, words = Slotted(), Words(["x", "y"])
    slotted.size, words.extra = 3, 1  # type: ignore[attr-defined]
    things = [Vocabulary(), slotted, words, argparse.Namespace(rate=0.5), Path("a/b"), Vocabulary, torch.tanh]
    vocabulary, small, listed, options, path, cls, function = read_torch(as_file(pickle.dumps(things, protocol)))
    assert (vocabulary.cls, vocabulary.fields) == (Name(Vocabulary.__module__, "Vocabulary"), {"words": ["a", "b"]})
    assert (small.fields, listed.items, listed.fields) == ({"size": 3}, ["x", "y"], {"extra": 1})
    assert (options.get("rate"), path.arguments) == (0.5, ("a", "b"))
    assert (cls, str(function)) == (Name(Vocabulary.__module__, "Vocabulary"), "torch._C._VariableFunctionsClass.tanh")
    assert repr(vocabulary) == f"<{Vocabulary.__module__}.Vocabulary>"


class WithOptions:
    def __new__(cls, *, size: int) -> WithOptions:
        return super().__new__(cls)

    def __getnewargs_ex__(self) -> Any:
        return (), {"size": 3}


def test_objects_of_every_protocol_and_opcode_become_records() -> None:
    old = read_torch(as_file(pickle.dumps(Vocabulary(), 0)))
    assert (old.cls.name, old.fields) == ("Vocabulary", {"words": ["a", "b"]})
    assert read_torch(as_file(pickle.dumps(WithOptions(size=3), 4))).fields == {"size": 3}
    assert read_torch(as_file(b"cm\nWords\n)\x81(K\x01\x90.")).items == [1]  # ADDITEMS
    assert read_torch(as_file(b"cm\nWords\n)\x81K\x05b.")).state == 5  # BUILD from something else than a dict
    assert read_torch(as_file(rb"S'\e'" + b"\n.")) == r"\e"
    assert read_torch(as_file(b"NN0(N12\x86.")) == (None, None)  # POP, POP_MARK and DUP
    torch.save([torch.Size([1, 2]), torch.device("cpu")], "t.pt")
    assert read_torch(Path("t.pt")) == [(1, 2), "cpu"]
    backend = b"ctorch.nn.backends.thnn\n_get_thnn_function_backend\n(tR."  # of modules of torch before 1.4
    assert read_torch(as_file(backend)) is None


class Call:
    """Calls a function when it is unpickled without protection."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self._call = function, arguments

    def __reduce__(self) -> Any:
        return self._call


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"cos\nsystem\n(S'touch ran'\ntR.", "it wants to call os.system"),
        (b"(S'touch ran'\nios\nsystem\n.", "it wants to call os.system"),
        (b"(cos\nsystem\nS'touch ran'\no.", "it wants to call os.system"),
        (b"c__builtin__\neval\n(S'1'\ntR.", "it wants to call __builtin__.eval"),
        (b"\x80\x02csubprocess\nPopen\n)\x81}S'a'\nS'b'\nsb.", "it wants to call subprocess.Popen"),
        (b"\x80\x04\x8c\x08builtins\x8c\x04exec\x93\x8c\x01a\x85R.", "it wants to call builtins.exec"),
        (b"cmodel\nload\n)R.", "it wants to call model.load"),
        (b"\x80\x04\x8c\x02os\x8c\x03a\n\x1b\x93)R.", "it wants to call os.a"),
        (pickle.dumps(Call(getattr, [], "append")), "it is damaged (an attribute of something else)"),
        (pickle.dumps(Call(zipfile.ZipFile, "a")), "it wants to call zipfile.ZipFile"),
        (b"c_codecs\nencode\n(Va\nVutf-8\ntR.", "it is damaged (bytes as utf-8)"),
        (b"c__builtin__\nset\n(I5\ntR.", "it is damaged (a container of something else)"),
        (b"ctorch.storage\n_load_from_bytes\n(I5\ntR.", "it has numbers of another kind"),
        (b"ctorch._utils\n_rebuild_tensor_v2\n(I1\nI0\n(t(tI00\nNtR.", "it has a tensor without numbers"),
        (pickle.dumps(np.ones(2)).replace(b"f8", b"O8"), "it is damaged (an array of objects)"),
        (pickle.dumps(np.ones(2)).replace(b"f8", b"g8"), "it is damaged (numbers of the format 'g8')"),
        (pickle.dumps(np.ones(2, ">f4")), "it is damaged (numbers in another byte order)"),
        (pickle.dumps(np.ones(2)).replace(b"K\x02\x85", b"K\x03\x85"), "it is damaged (an array [3] with 16 bytes)"),
        (b"K\x01K\x02\x93.", "it is damaged (a name is no text)"),
        (b"K\x01)R.", "it is damaged (it calls something without a name)"),
        (b"\x82\x01.", "it has the opcode EXT1, which is not read"),
        (b"(l" + b"(t" * 3 + b"d.", "it is damaged (a mark is missing)"),
        (b"P1\n.", "it refers to data outside of it"),
        (b".", "it is damaged (pop from empty list)"),
        (b"a.", "it is damaged"),
        (b"(.", "it is damaged (an argument is missing)"),
        (b"g7\n.", "it is damaged (7)"),
        (b"}(](K\x01t" + b"K\x02u.", "it is damaged (unhashable"),
        (b"}" + b")" + b"\x85" * 100_000 + b"K\x01s.", "it has a nested tuple as a key"),
        (b"I" + b"9" * 5_000 + b"\n.", "it is damaged (Exceeds the limit"),
        (b"\x8a\x05abc", "it is damaged"),
        (b"r\xff\xff\xff\xff.", "it is damaged"),
        (b"Nr\xff\xff\xff\xff", "it is damaged"),
        (b"", "it is empty"),
    ],
)
def test_hostile_and_damaged_pickles_are_refused_in_one_line(data: bytes, message: str) -> None:
    with pytest.raises(CheckpointError) as raised:
        read_torch(as_file(data))
    assert raised.value.message.startswith(f"file.pkl is not read: {message}")
    assert "\n" not in raised.value.message
    assert not Path("ran").exists()


def test_deep_nesting_ends_no_process() -> None:
    found = read_torch(as_file(b")" + b"\x85" * 50_000 + b"."))
    assert isinstance(found, tuple)


def test_a_pickle_that_is_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seqshell.foreign.pickles.MAX_OPCODES", 10)
    with pytest.raises(CheckpointError, match="it has more than 10 opcodes"):
        read_torch(as_file(pickle.dumps([*range(9)])))


@cache
def seeds() -> list[bytes]:
    """Pickles of plain data, of objects and of arrays, and files of weights in both formats."""
    things = [Vocabulary(), np.arange(3), torch.ones(2), collections.OrderedDict(a=1)]
    found = [pickle.dumps(PLAIN, protocol) for protocol in (0, 2, 5)] + [pickle.dumps(things, 2), pickle.dumps(things)]
    for is_archive in (False, True):
        file = io.BytesIO()
        torch.save({"w": torch.ones(2, 2)}, file, _use_new_zipfile_serialization=is_archive)
        found.append(file.getvalue())
    return found


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_changed_file_is_read_or_refused(data: st.DataObject) -> None:
    changed = bytearray(data.draw(st.sampled_from(seeds())))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(changed) - 1))
        changed[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
        changed = changed or bytearray(b".")
    with suppress(CheckpointError):
        found = read_torch(as_file(bytes(changed)))
        for value in found.values() if isinstance(found, dict) else ():
            if isinstance(value, StoredTensor):
                value.numpy()
