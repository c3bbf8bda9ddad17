"""What a file of another program is: found from its content, said in one line, and without running its code."""

from __future__ import annotations

import gzip
import json
import os
import pickle
import tarfile
import tracemalloc
import warnings
import zipfile
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from seqshell.core.errors import CheckpointError
from seqshell.foreign.recognition import recognise_file

LSTM = nn.LSTM(3, 4).state_dict()


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.LSTM(3, 4)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.rnn(inputs)[0]  # type: ignore[no-any-return]


class Config:
    """A class whose objects people store beside the weights."""

    size = 4


class Trap:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def save_script(path: Path) -> None:
    with warnings.catch_warnings(action="ignore"):  # torch deprecates TorchScript
        torch.jit.save(torch.jit.script(nn.Linear(2, 2)), path)


def said(path: Path) -> str:
    """The message about a file, after its name."""
    message = recognise_file(path).message(path)
    assert "\n" not in message
    return message.removeprefix(f"{path.name} ")


@pytest.mark.parametrize("name", ["weights.pt", "model.pth.tar", "rnn_20_epoch.net", "noending"])
@pytest.mark.parametrize("legacy", [False, True])
def test_torch_weights_are_recognised_whatever_their_name_is(tmp_path: Path, name: str, legacy: bool) -> None:
    path = tmp_path / name
    torch.save({"state_dict": LSTM, "epoch": 3}, path, _use_new_zipfile_serialization=not legacy)

    assert recognise_file(path).kind == "torch"
    assert said(path) == f"is a file of PyTorch weights; seqshell import {path} makes a checkpoint of it"


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("protocol", [2, 4])
def test_a_whole_module_is_named_with_its_class(tmp_path: Path, legacy: bool, protocol: int) -> None:
    path = tmp_path / "whole.pt"
    torch.save(Model(), path, _use_new_zipfile_serialization=not legacy, pickle_protocol=protocol)

    assert recognise_file(path).kind == "object"
    assert said(path) == (
        f"is a whole object of the class {__name__}.Model; seqshell import {path} makes a checkpoint of its weights, "
        "and runs no code of it"
    )


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_other_objects_beside_the_weights_are_named(tmp_path: Path, protocol: int) -> None:
    path = tmp_path / "mixed.pt"
    torch.save({"state_dict": LSTM, "config": Config()}, path, pickle_protocol=protocol)

    assert recognise_file(path).kind == "mixed"
    assert said(path).startswith(f"contains, beside weights, objects of {__name__}.Config; seqshell import ")


def test_plain_values_beside_the_weights_are_weights_still(tmp_path: Path) -> None:
    plain = {"args": Namespace(lr=np.float64(0.1)), "curve": np.arange(3), "tokens": ("a", "b"), "seen": {1, 2}}
    torch.save({"state_dict": LSTM, **plain, "size": torch.Size([2]), "dtype": torch.float16}, tmp_path / "plain.pt")

    assert recognise_file(tmp_path / "plain.pt").kind == "torch"


def test_no_code_of_a_pickle_runs(tmp_path: Path) -> None:
    for number, thing in enumerate(
        (Trap(tmp_path / "sprung"), {"state_dict": LSTM, "trap": Trap(tmp_path / "sprung")})
    ):
        torch.save(thing, tmp_path / f"{number}.pt")
        (tmp_path / f"{number}.pkl").write_bytes(pickle.dumps(thing))
        assert "posix.mkdir" in said(tmp_path / f"{number}.pt")
        assert "posix.mkdir" in said(tmp_path / f"{number}.pkl")

    assert not (tmp_path / "sprung").exists()


def test_a_text_that_claims_to_be_long_takes_no_memory(tmp_path: Path) -> None:
    (tmp_path / "m.pt").write_bytes(b"\x80\x02X\xff\xff\xff\x6fabc" + bytes(100))
    tracemalloc.start()
    kind = recognise_file(tmp_path / "m.pt").kind
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (kind, peak < 2_000_000) == ("other", True)


def test_torchscript_is_no_pickle_of_weights(tmp_path: Path) -> None:
    save_script(tmp_path / "script.pt")

    assert recognise_file(tmp_path / "script.pt").kind == "torchscript"
    assert said(tmp_path / "script.pt").startswith("is a TorchScript program (torch.jit.save), whose code is not run; ")


def test_tensors_of_other_programs_are_told_apart(tmp_path: Path) -> None:
    save_file({f"rnn.{name}": weight for name, weight in LSTM.items()}, tmp_path / "lstm.safetensors")
    save_file({"transformer.h.0.attn.c_attn.weight": torch.zeros(2)}, tmp_path / "gpt.safetensors")

    lstm, gpt = tmp_path / "lstm.safetensors", tmp_path / "gpt.safetensors"
    assert said(lstm).endswith(f"it has weights of another program; seqshell import {lstm} makes a checkpoint of it")
    assert "it has the weights of a transformer; seqshell runs recurrent models" in said(gpt)


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 13548912\n"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("lfs.pt", LFS, "is a Git LFS pointer to a file of 13,548,912 bytes, not the file; run git lfs pull"),
        ("page.pt", b"\n<!DOCTYPE html>\n<html>", "is a web page, not a model; download the file itself"),
        ("gone.pt", b"404: Not Found", "is a text that begins with '404: Not Found', not a model; copy or download"),
        ("notes.txt", "caf\u00e9 and more".encode(), "is a text, not a model; seqshell train "),
        ("empty.pt", b"", "is empty; copy or download it again"),
        ("short.pt", b"PK\3", "is truncated: it has 3 bytes"),
        ("keras.h5", b"\x89HDF\r\n\x1a\n" + bytes(99), "is an HDF5 file, as Keras writes it; seqshell import "),
        ("net.onnx", b"\x08\x07\x12\x07pytorch\x1a\x05" + bytes(9), "is an ONNX graph; seqshell import "),
        ("llama.gguf", b"GGUF\3" + bytes(99), "is a GGUF file, a transformer for llama.cpp"),
        ("a.npy", b"\x93NUMPY\1\0" + bytes(99), "is an array of numpy"),
        ("graph.pb", b"\x0a\xff" + bytes(99), "is a graph of TensorFlow"),
        ("packed.pt.gz", gzip.compress(b"weights", mtime=0), "is compressed with gzip; unpack it first"),
        ("noise.pt", b"\xfe\x01\xff" * 99, "is no model that seqshell knows, or it is truncated or damaged"),
        ("cut.safetensors", (2**20).to_bytes(8, "little") + b'{"w":', "is truncated or damaged: it has 13 bytes"),
        ("bad.safetensors", (5).to_bytes(8, "little") + b'{"w":', "is damaged: its header is not valid JSON"),
        ("cut.pkl", pickle.dumps({"a": [1] * 99})[:40], "is truncated or damaged: its list of contents does not end"),
        ("plain.pkl", pickle.dumps({"a": [1]}), "is a pickle of plain data without weights"),
        ("old.pkl", pickle.dumps({"a": [1]}, 0), "is a pickle of plain data without weights"),
        ("old.pt", pickle.dumps({"a": Path("b")}, 1), "contains, beside weights, objects of pathlib."),
        ("call.pt", b"cos\nsystem\n(S'ls'\ntR.", "wants to call os.system"),
        ("like.pt", b"call me later.", "is a text that begins with 'call me later.', not a model"),
        ("more.pt", b"(lp0\n.more", "is a text that begins with '(lp0', not a model"),
    ],
)
def test_other_files_are_named_with_what_to_do(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)

    assert said(tmp_path / name).startswith(message)
    assert isinstance(recognise_file(tmp_path / name).error(tmp_path / name), CheckpointError)


def test_truncated_files_are_called_truncated(tmp_path: Path) -> None:
    torch.save(LSTM, tmp_path / "weights.pt")
    save_file(LSTM, tmp_path / "weights.safetensors")
    for path in list(tmp_path.iterdir()):
        path.write_bytes(path.read_bytes()[:-40])
        assert "truncated" in said(path)


def test_archives_are_told_apart(tmp_path: Path) -> None:
    np.savez(tmp_path / "arrays.npz", w=np.zeros(2))
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
        for name in ("metadata.json", "config.json", "model.weights.h5"):
            archive.writestr(name, "{}")
    with zipfile.ZipFile(tmp_path / "files.zip", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with tarfile.open(tmp_path / "really.tar", "w") as tar:
        tar.add(tmp_path / "files.zip", "files.zip")

    assert said(tmp_path / "arrays.npz").startswith("is a set of arrays of numpy")
    assert said(tmp_path / "model.keras").startswith("is a model of Keras")
    assert said(tmp_path / "files.zip").startswith("is a zip archive with readme.txt; unpack it first")
    assert said(tmp_path / "really.tar").startswith("is a tar archive; unpack it first")


def test_an_archive_that_claims_too_large_a_part_takes_no_more_memory_than_it_has(tmp_path: Path) -> None:
    file = tmp_path / "weights.pt"
    torch.save({"weight": torch.zeros(3)}, file)
    with zipfile.ZipFile(file) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("data.pkl"))
        size = archive.getinfo(name).compress_size.to_bytes(4, "little")
    data = file.read_bytes()
    entry = data.rindex(b"PK\1\2", 0, data.rindex(name.encode()))  # in the list of parts, at the end
    assert data[entry + 20 : entry + 24] == size
    file.write_bytes(data[: entry + 20] + (2**30).to_bytes(4, "little") + data[entry + 24 :])
    tracemalloc.start()
    try:
        recognise_file(file)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_folders_are_told_apart(tmp_path: Path) -> None:
    for name in ("saved", "hub", "mine", "none"):
        (tmp_path / name).mkdir()
    (tmp_path / "saved" / "saved_model.pb").write_bytes(b"\x08\x01")
    (tmp_path / "hub" / "config.json").write_text(json.dumps({"architectures": ["GPT2LMHeadModel"]}))
    (tmp_path / "hub" / "model.safetensors").write_bytes(b"")
    (tmp_path / "mine" / "best.pt").write_bytes(b"")

    assert said(tmp_path / "saved").startswith("is a SavedModel of TensorFlow")
    assert said(tmp_path / "hub").startswith("is a model of Hugging Face (GPT2LMHeadModel); seqshell runs recurrent")
    assert said(tmp_path / "mine") == "is a folder, not a model; it contains best.pt; give the name of the file"
    assert said(tmp_path / "none") == "is a folder, not a model; give the name of a file"


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    assert said(tmp_path / "pipe").startswith("is a special file, not a model")
