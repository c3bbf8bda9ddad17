"""`seqshell import --explain FILE`: what a file contains, and what would be imported; nothing is written."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from seqshell.cli import main

TREE = """\
model.pt is a whole object of the class {module}.Model
  {module}.Model
    kind: 'LSTM'
    words: ['a', 'b', 'c', 'd', ...] (5 values)
    ids: {{'a': 0, 'b': 1, 'c': 2, 'd': 3, ...}} (5 entries)
    encoder: torch.nn.modules.sparse.Embedding
      num_embeddings: 5
      embedding_dim: 3
      norm_type: 2.0
      scale_grad_by_freq: False
      sparse: False
      weight: float32 [5, 3]
    decoder: torch.nn.modules.linear.Linear
      in_features: 4
      out_features: 5
      weight: float32 [5, 4]
      bias: float32 [5]
    rnn: torch.nn.modules.rnn.GRU
      mode: 'GRU'
      input_size: 3
      hidden_size: 4
      num_layers: 1
      bias: True
      batch_first: False
      dropout: 0.0
      bidirectional: False
      proj_size: 0
      weight_ih_l0: float32 [12, 3]
      weight_hh_l0: float32 [12, 4]
      bias_ih_l0: float32 [12]
      bias_hh_l0: float32 [12]
importer state_dict: gru with vocab_size=5, embed_size=3, hidden_size=4, num_layers=1, tied=False
complete: seqshell import model.pt
"""


class Model(nn.Module):
    def __init__(self, words: str = "abcde") -> None:
        super().__init__()
        self.kind, self.words = "LSTM", list(words)
        self.ids = {word: number for number, word in enumerate(words)}
        self.encoder, self.decoder = nn.Embedding(5, 3), nn.Linear(4, 5)
        self.rnn = nn.GRU(3, 4)


class Acts:
    def __reduce__(self) -> Any:
        return os.mkdir, ("ran",)


def explained(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    code = main(["import", "--explain", *arguments])
    out, err = capsys.readouterr()
    assert (code, err) == (0, "")
    return str(out)


def test_a_whole_module_is_shown_with_its_fields_and_shapes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save(Model(), "model.pt")
    assert explained(capsys, "model.pt") == TREE.format(module=Model.__module__)
    assert sorted(path.name for path in folder.iterdir()) == ["model.pt"]


def test_what_is_missing_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"model": Model().state_dict(), "epoch": 3}, "w.pt")
    out = explained(capsys, "w.pt")
    assert "    model: dict\n      encoder.weight: float32 [5, 3]\n" in out
    assert "    epoch: 3\nimporter state_dict: gru with" in out
    assert out.splitlines()[-1].startswith("problem: the file does not name its 5 tokens; write --vocab FILE")
    Path("vocab.txt").write_text("a\nb\nc\nd\ne\n")
    assert explained(capsys, "w.pt", "--vocab", "vocab.txt").endswith("complete: seqshell import w.pt\n")
    found = json.loads(explained(capsys, "w.pt", "--json"))
    assert (found["importer"], found["architecture"], found["config"]["hidden_size"]) == ("state_dict", "gru", 4)
    assert found["problem"].startswith("the file does not name")
    assert found["tree"][-1] == "  epoch: 3"


def test_other_formats_are_shown_too(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_file({"rnn.weight": torch.zeros(2, 3)}, "a.safetensors")
    assert "    rnn.weight: F32 [2, 3]\nproblem: a.safetensors: no nn.RNN" in explained(capsys, "a.safetensors")
    np.savez("a.npz", Wxh=np.zeros((2, 3)), chars=["a", "b"], ids=np.array({"a": 0, "b": [1]}, dtype=object))
    out = explained(capsys, "a.npz")
    assert "    Wxh: float64 [2, 3]\n    chars: <U1 [2]\n    ids: dict\n      a: 0\n      b: [1] (1 value)\n" in out
    Path("a.json").write_text('{"a": {"b": [[1, 2], null]}, "c": "d"}')
    out = explained(capsys, "a.json")
    assert "    a: dict\n      b: list\n        0: [1, 2] (2 values)\n        1: None\n    c: 'd'\n" in out
    Path("a.txt").write_text("hello")
    assert explained(capsys, "a.txt").startswith("a.txt is a text, not a model\nproblem: a.txt is a text")


def test_damaged_and_hostile_files_are_explained_in_two_lines(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"a": Acts()}, "acts.pt")
    assert "problem: acts.pt is not read: it wants to call posix.mkdir" in explained(capsys, "acts.pt")
    assert not Path("ran").exists()
    Path("a.json").write_text("{")
    assert "problem: a.json is not JSON" in explained(capsys, "a.json")
    torch.save(Model(), "model.pt")
    Path("cut.pt").write_bytes(Path("model.pt").read_bytes()[:500])
    assert "problem: cut.pt is truncated or damaged" in explained(capsys, "cut.pt")
    assert main(["import", "--explain", "none.pt"]) == 2
    assert capsys.readouterr().err == "seqshell: no file 'none.pt'\n"


def test_large_deep_and_circular_contents_are_cut(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    deep: Any = [[1]]
    for _ in range(20):
        deep = [deep]
    many = [[[number] for number in range(100)] for _ in range(9)]
    module = Model()
    module.own = [module]
    torch.save({"deep": deep, "many": many, "same": [module.own]}, "odd.pt")
    out = explained(capsys, "odd.pt")
    assert "                  ...\n" in out
    assert "      ... and 40 more parts\n" in out
    assert "\n  ...\nimporter state_dict: gru with" in out
    assert len(out.splitlines()) < 210
    torch.save({"same": [module.own], "rest": Model()}, "circle.pt")
    assert "            ...\n" in explained(capsys, "circle.pt")
