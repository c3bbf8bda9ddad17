"""Tensors in files of torch: their kinds, whole modules, damaged archives, and bounds."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.foreign.pickle_files import Vocabulary, as_file
from torch import nn

from seqshell import CheckpointError, Record, StoredTensor, read_torch, weights_of
from seqshell.foreign.records import Name
from seqshell.foreign.torch_files import Storage

pytestmark = pytest.mark.usefixtures("folder")


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.LSTM(3, 4, num_layers=2)
        self.heads = nn.ModuleList([nn.Linear(4, 2), nn.Linear(4, 2)])
        self.heads[1].weight = self.heads[0].weight
        self.register_buffer("mask", torch.ones(2, dtype=torch.bool))
        self.activation, self.vocabulary = torch.tanh, Vocabulary()


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
