"""Pickles of other programs are read as plain data and records; nothing of them is executed."""

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
from torch import nn

from seqshell import CheckpointError, Record, StoredTensor, read_torch, weights_of
from seqshell.foreign.records import Name
from seqshell.foreign.torch_files import Storage

PLAIN = {
    "text": "é ∑",
    "bytes": b"ab\xff",
    "numbers": [0, -1, 300, 70_000, 2**40, -(10**30), 1.5, True, None],
    "nested": ({"a": (1, 2, 3, 4)}, [[]], set(), {1, "b"}),
    ("a", 1): "a tuple as a key",
}


class Vocabulary:
    def __init__(self) -> None:
        self.words = ["a", "b"]


class Slotted:
    __slots__ = ("size",)


class Words(list[str]):
    pass


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.LSTM(3, 4, num_layers=2)
        self.heads = nn.ModuleList([nn.Linear(4, 2), nn.Linear(4, 2)])
        self.heads[1].weight = self.heads[0].weight
        self.register_buffer("mask", torch.ones(2, dtype=torch.bool))
        self.activation, self.vocabulary = torch.tanh, Vocabulary()


def as_file(data: bytes) -> Path:
    path = Path("file.pkl")
    path.write_bytes(data)
    return path


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
    assert (vocabulary.cls, vocabulary.fields) == (Name(__name__, "Vocabulary"), {"words": ["a", "b"]})
    assert (small.fields, listed.items, listed.fields) == ({"size": 3}, ["x", "y"], {"extra": 1})
    assert (options.get("rate"), path.arguments) == (0.5, ("a", "b"))
    assert (cls, str(function)) == (Name(__name__, "Vocabulary"), "torch._C._VariableFunctionsClass.tanh")
    assert repr(vocabulary) == f"<{__name__}.Vocabulary>"


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


@pytest.mark.parametrize("legacy", [False, True])
def test_tensors_of_every_kind_are_read(legacy: bool) -> None:
    base = torch.arange(12).reshape(3, 4)
    kinds = ["float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint16", "uint8", "bool"]
    tensors = {kind: base.to(getattr(torch, kind)) for kind in kinds}
    tensors |= {"transposed": base.t(), "part": base[1:, 1:3], "one": torch.tensor(5.0), "none": torch.zeros(0, 3)}
    tensors["parameter"] = nn.Parameter(torch.ones(2))
    torch.save(tensors, "t.pt", _use_new_zipfile_serialization=not legacy)
    found = read_torch(Path("t.pt"))
    assert list(found) == list(tensors)
    for name, tensor in tensors.items():
        expected = tensor.detach().float() if tensor.dtype == torch.bfloat16 else tensor.detach()
        np.testing.assert_array_equal(found[name].numpy(), expected.numpy())
        assert found[name].kind == str(tensor.dtype).removeprefix("torch.")
        assert found[name].is_float == tensor.is_floating_point()
    assert read_torch(as_file(pickle.dumps({"w": base})))["w"].numpy().tolist() == base.tolist()


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.filterwarnings("ignore:Couldn't retrieve source code")
def test_the_weights_of_a_whole_module_are_those_of_its_state_dict(legacy: bool) -> None:
    module = Model()
    torch.save(module, "whole.pt", _use_new_zipfile_serialization=not legacy)
    found = read_torch(Path("whole.pt"))
    weights = weights_of(found)
    assert list(weights) == list(module.state_dict())
    for name, weight in module.state_dict().items():
        np.testing.assert_array_equal(weights[name].numpy(), weight.numpy())
    assert found.get("rnn.num_layers") == 2
    assert found.get("heads.1.out_features") == 2
    assert found.get("vocabulary.words") == ["a", "b"]
    assert found.get("heads.2", "none") == "none"


def test_a_module_that_contains_itself_is_refused() -> None:
    module = Record(Name("torch.nn", "Module"))
    module.fields["_modules"] = {"again": module}
    with pytest.raises(CheckpointError, match="contains itself"):
        weights_of(module)


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


def zipped(**changes: Any) -> Path:
    """A file of torch with other entries; None leaves one out."""
    torch.save({"w": torch.arange(4.0)}, "fine.pt")
    with zipfile.ZipFile("fine.pt") as fine, zipfile.ZipFile("changed.pt", "w") as changed:
        for info in fine.infolist():
            short = info.filename.partition("/")[2]
            data = changes.get(short.replace("/", "_").replace(".", "_"), fine.read(info))
            if data is not None:
                changed.writestr(info.filename, data)
    return Path("changed.pt")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data_0": bytes(12)}, "the numbers 0 are missing or too few"),
        ({"data_0": None}, "the numbers 0 are missing or too few"),
        ({"data_pkl": None}, "it is no archive of torch"),
        ({"data_pkl": b"\x80\x02X\1\0\0\0aQ."}, "it refers to data of another kind"),
        ({"data_pkl": b"\x80\x02(X\7\0\0\0storagecm\nOdd\nNNNtQ."}, "it has numbers of the kind m.Odd"),
        ({"byteorder": b"big"}, "its numbers are in another byte order"),
        ({"data_pkl": b"\x80\x02cos\nsystem\n(S'touch ran'\ntR."}, "it wants to call os.system"),
    ],
)
def test_archives_that_are_not_whole_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(CheckpointError, match=f"^changed.pt is not read: {message}$"):
        read_torch(zipped(**changes))


def test_a_pickle_that_is_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seqshell.foreign.pickles.MAX_OPCODES", 10)
    with pytest.raises(CheckpointError, match="it has more than 10 opcodes"):
        read_torch(as_file(pickle.dumps([*range(9)])))


def test_numbers_are_read_when_they_are_asked_for() -> None:
    """The file is read again then, so that an optimizer's tensors take no memory."""
    torch.save({"used": torch.arange(3), "unused": torch.ones(2)}, "t.pt")
    found = read_torch(Path("t.pt"))
    data = Path("t.pt").read_bytes()
    Path("t.pt").write_bytes(data.replace(torch.ones(2).numpy().tobytes(), b"damaged!"))
    assert found["used"].numpy().tolist() == [0, 1, 2]
    with pytest.raises(CheckpointError, match=r"^the numbers of a tensor are damaged \(Bad CRC-32"):
        found["unused"].numpy()
    inner = read_torch(as_file(pickle.dumps({"w": torch.arange(2)})))["w"]
    assert inner.numpy().tolist() == [0, 1]


def test_what_tensors_of_a_file_cannot_be() -> None:
    torch.save(torch.ones(2).to(torch.float8_e4m3fn), "small.pt")
    with pytest.raises(CheckpointError, match=r"it has numbers of the kind torch\.float8_e4m3fn"):
        read_torch(Path("small.pt"))
    torch.save(torch.ones(2), "old.pt", _use_new_zipfile_serialization=False)
    Path("old.pt").write_bytes(Path("old.pt").read_bytes()[:-4])
    with pytest.raises(CheckpointError, match=r"old\.pt is not read: it is truncated"):
        read_torch(Path("old.pt"))
    storage = Storage("float32", 1)
    for shape, strides in (((1, 2), (1,)), ((-1,), (1,)), ((1,), (True,))):
        with pytest.raises(ValueError, match="a tensor of another shape"):
            StoredTensor(storage, 0, shape, strides, "float32")
    empty = StoredTensor(storage, 0, (1,), (1,), "float32")
    assert repr(empty) == "<float32 [1]>"
    with pytest.raises(CheckpointError, match="does not have the numbers"):
        empty.numpy()


def test_a_tensor_cannot_have_more_numbers_than_its_file() -> None:
    torch.save(torch.zeros(1).expand(10**6), "thin.pt")
    found = read_torch(Path("thin.pt"))
    assert isinstance(found, StoredTensor)
    with pytest.raises(CheckpointError, match="more numbers than the file"):
        found.numpy()


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
