"""Small models in the layouts of the programs that `seqshell import` reads, as values that a campaign can damage.

A layout is the name of the file to import, and the content of each file by its name. `write` writes a content by the
ending of the name: arrays of numpy and nested containers of them, or bytes as they are.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save
from tests.importers import original_translators as originals
from torch import nn

from seqshell.exporting import Graph

Files = dict[str, Any]
DRAWS = np.random.default_rng(5)
V, E, H = 6, 4, 3
LETTERS = "abcde "
MARKS = ["<pad>", "<unk>", "<s>", "</s>"]
SOURCE, TARGET = [*MARKS, "der", "hund"], [*MARKS, "the", "dog"]
VOCABULARY = {letter: number for number, letter in enumerate(LETTERS)}
GATES = {"LSTM": 4, "GRU": 3, "SimpleRNN": 1}


class Whole(nn.Module):
    """As word_language_model and char-rnn.pytorch keep their modules."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.rnn, self.decoder = nn.Embedding(V, E), nn.LSTM(E, H, 2), nn.Linear(H, V)
        self.rnn_type, self.tokens = "LSTM", list(LETTERS)


class Executed:
    """What a pickle must not call."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("executed"),)

    def __deepcopy__(self, memo: dict[int, Any]) -> Executed:
        return self


def numbers(*shape: int) -> NDArray[np.float32]:
    return DRAWS.normal(0, 0.5, shape).astype(np.float32)


def arrays(module: nn.Module) -> dict[str, Any]:
    return {name: each.detach().numpy() for name, each in module.state_dict().items()}


def recurrent(rows: int = 4, inputs: int = V) -> list[Any]:
    return [numbers(inputs, rows * H), numbers(H, rows * H), numbers(rows * H)]


def char_rnn_js() -> Files:
    values = [numbers(4 * H, V), numbers(4 * H), numbers(4 * H, H), numbers(4 * H), numbers(V, H), numbers(V)]
    places = np.cumsum([0, *(4 * each.size for each in values)]).tolist()
    entries = [{"dim": list(each.shape), "offset": place} for each, place in zip(values, places, strict=False)]
    vocab = [LETTERS.index(chr(byte)) if chr(byte) in LETTERS else None for byte in range(128)]
    return {"m.json": {"vocab": vocab, "arrays": entries}, "m.dat": b"".join(each.tobytes() for each in values)}


def ml5() -> Files:
    cell = "rnnlm/multi_rnn_cell/cell_0/basic_lstm_cell/"
    shapes = {"embedding": (V, E), cell + "kernel": (E + H, 4 * H), cell + "bias": (4 * H,)}
    shapes |= {"rnnlm/softmax_w": (H, V), "rnnlm/softmax_b": (V,)}
    manifest = {name: {"filename": name.replace("/", "_"), "shape": list(shape)} for name, shape in shapes.items()}
    values = {manifest[name]["filename"]: numbers(*shape).tobytes() for name, shape in shapes.items()}
    return {"manifest.json": manifest, "vocab.json": VOCABULARY, **values}


def keras(kind: str, ending: str, *, labels: int = V) -> Files:
    """A Sequential model of an embedding, one recurrent layer and a Dense."""
    rows = GATES[kind]
    layers = {
        "embedding": ("Embedding", {}, {"embeddings": numbers(V, E)}),
        "rnn": (kind, {"reset_after": False}, dict(zip(PARTS, recurrent(rows, E), strict=True))),
        "dense": ("Dense", {"activation": "softmax"}, {"kernel": numbers(H, labels), "bias": numbers(labels)}),
    }
    described = [
        {"class_name": name, "config": {"name": layer, **config}} for layer, (name, config, _) in layers.items()
    ]
    found = {"config": {"class_name": "Sequential", "config": {"layers": described}}}
    if ending == "h5":
        found["arrays"] = {
            f"model_weights/{layer}/{layer}/{part}:0": each
            for layer, (*_, weights) in layers.items()
            for part, each in weights.items()
        }
    else:
        names = {"Embedding": "embedding", "Dense": "dense", "LSTM": "lstm/cell", "GRU": "gru/cell"}
        found["arrays"] = {
            f"layers/{names[name]}/vars/{number}": each
            for name, _, weights in layers.values()
            for number, each in enumerate(weights.values())
        }
    return {f"m.{ending}": found, "vocab.txt": list(LETTERS)}


PARTS = ("kernel", "recurrent_kernel", "bias")


def textgenrnn() -> Files:
    found = {"embedding/embedding/embeddings:0": numbers(V + 1, E), "attention/attention_W:0": numbers(E + H, 1)}
    found |= {f"rnn_1/rnn_1/{part}:0": each for part, each in zip(PARTS, recurrent(4, E), strict=True)}
    found |= {"output/output/kernel:0": numbers(E + H, V + 1), "output/output/bias:0": numbers(V + 1)}
    vocabulary = {letter: number + 1 for letter, number in VOCABULARY.items()}
    return {
        "m_weights.hdf5": {"config": None, "arrays": found},
        "m_vocab.json": vocabulary,
        "m_config.json": {"max_length": 5},
    }


def onnx() -> Files:
    graph = Graph("test", "")
    x = graph.input("x", "float32", "time", "batch", V)
    y = graph.add("LSTM", x, graph.constant(numbers(1, 4 * H, V)), graph.constant(numbers(1, 4 * H, H)), hidden_size=H)
    y = graph.add("MatMul", graph.add("Squeeze", y, graph.integers(1)), graph.constant(numbers(H, V)))
    graph.output(y, "logits", "float32", "time", "batch", V)
    return {"m.onnx": graph.to_bytes(), "vocab.txt": list(LETTERS)}


def g2p_en() -> Files:
    found = {"enc_emb": numbers(29, E), "dec_emb": numbers(74, E), "fc_w": numbers(74, H), "fc_b": numbers(74)}
    for side in ("enc", "dec"):
        found |= {f"{side}_w_ih": numbers(3 * H, E), f"{side}_w_hh": numbers(3 * H, H)}
        found |= {f"{side}_b_ih": numbers(3 * H), f"{side}_b_hh": numbers(3 * H)}
    return {"m.npz": found}


def min_char_rnn() -> Files:
    found = {"Wxh": numbers(H, V), "Whh": numbers(H, H), "Why": numbers(V, H), "bh": numbers(H, 1), "by": numbers(V, 1)}
    return {"m.npz": found | {"chars": np.array(list(LETTERS))}}


def flair() -> Files:
    module = nn.ModuleDict({"encoder": nn.Embedding(V, E), "rnn": nn.LSTM(E, H), "decoder": nn.Linear(H, V)})
    sizes = {"hidden_size": H, "nlayers": 1, "embedding_size": E, "nout": None}
    dictionary = {"idx2item": [letter.encode() for letter in LETTERS]}
    return {"m.pt": {"state_dict": arrays(module), "dictionary": dictionary, "is_forward_lm": True, **sizes}}


def names_tutorial() -> Files:
    return {"m.pt": arrays(nn.ModuleDict({"i2h": nn.Linear(57 + H, H), "i2o": nn.Linear(57 + H, 3)}))}


def language_model() -> Files:
    parts = {"encoder": nn.Embedding(V, E), "rnn": nn.GRU(E, H, 2), "decoder": nn.Linear(H, V)}
    return {"m.pt": {"model": arrays(nn.ModuleDict(parts)), "tokens": list(LETTERS), "epoch": 3}}


def fastai() -> Files:
    found = {"0.encoder.weight": numbers(V, E), "1.decoder.weight": numbers(V, E), "1.decoder.bias": numbers(V)}
    for layer, (inputs, units) in enumerate(((E, H), (H, E))):
        prefix = f"0.rnns.{layer}."
        found |= {prefix + "weight_hh_l0_raw": numbers(4 * units, units)}
        found |= {prefix + "module.weight_ih_l0": numbers(4 * units, inputs)}
        found |= {prefix + f"module.bias_{part}_l0": numbers(4 * units) for part in ("ih", "hh")}
    return {"m.pth": {"model": found, "opt": {}}, "vocab.txt": list(LETTERS)}


def whole_module() -> Files:
    data = io.BytesIO()
    torch.save(Whole(), data)
    return {"m.pt": data.getvalue()}


def state_dict() -> Files:
    return {"m.safetensors": language_model()["m.pt"]["model"], "vocab.txt": list(LETTERS)}


def words_beside() -> Files:
    return {"src_vocab.txt": SOURCE, "trg_vocab.txt": TARGET}


def bentrevett() -> Files:
    return {"m.pt": arrays(originals.Bentrevett(3, len(SOURCE), len(TARGET))), **words_beside()}


def joeynmt() -> Files:
    model = originals.Joey(len(SOURCE), len(TARGET), "gru", 1, attention="luong", feeds=True, bridge=True)
    return {"m.ckpt": {"steps": 3, "model_state": arrays(model)}, **words_beside()}


def opennmt() -> Files:
    model = originals.OpenNMT(len(SOURCE), len(TARGET), "LSTM", 1, feeds=True, attention="general")
    found = arrays(model)
    weights = {name: each for name, each in found.items() if not name.startswith("generator.")}
    generator = {name.removeprefix("generator."): each for name, each in found.items() if name not in weights}
    vocab = originals.vocabularies("lists", SOURCE, TARGET)
    return {"m.pt": {"model": weights, "generator": generator, "vocab": vocab, "opt": None}}


def chatbot() -> Files:
    model = originals.Chatbot(len(TARGET), "general")
    parts = {"en": arrays(model.encoder), "de": arrays(model.decoder), "embedding": arrays(model.encoder.embedding)}
    return {"m.tar": {**parts, "voc_dict": {"index2word": dict(enumerate(TARGET)), "num_words": len(TARGET)}}}


def seq2seq_tutorial() -> Files:
    model = originals.Tutorial(len(SOURCE), len(TARGET), True)
    return {
        "m_encoder.pt": arrays(model.encoder),
        "m_decoder.pt": arrays(model.decoder),
        **words_beside(),
    }


LAYOUTS: Mapping[str, Files] = {
    "char_rnn_js": char_rnn_js(),
    "ml5": ml5(),
    "keras h5": keras("LSTM", "h5"),
    "keras classifier": keras("LSTM", "h5", labels=2),
    "keras": keras("GRU", "keras"),
    "textgenrnn": textgenrnn(),
    "onnx": onnx(),
    "g2p_en": g2p_en(),
    "min_char_rnn": min_char_rnn(),
    "flair": flair(),
    "names_tutorial": names_tutorial(),
    "language model": language_model(),
    "fastai": fastai(),
    "whole module": whole_module(),
    "state_dict": state_dict(),
    "bentrevett": bentrevett(),
    "joeynmt": joeynmt(),
    "opennmt": opennmt(),
    "chatbot": chatbot(),
    "seq2seq tutorial": seq2seq_tutorial(),
}


def content(name: str, value: Any, *, legacy: bool = False) -> bytes:
    """The bytes of a file. legacy: in torch's format before 1.6. Raises any exception for what cannot be written."""
    if isinstance(value, bytes):
        return value
    ending = name.rpartition(".")[2]
    data = io.BytesIO()
    if ending == "json":
        return json.dumps(value).encode()
    if ending == "txt":
        return "\n".join(map(str, value)).encode("utf-8", "surrogatepass")
    if ending == "safetensors":
        return bytes(save({str(key): np.ascontiguousarray(each) for key, each in value.items()}))
    if ending == "npz":
        np.savez(data, **value)
    elif ending in ("h5", "hdf5"):
        _write_h5(data, value["arrays"], value["config"])
    elif ending == "keras":
        weights = io.BytesIO()
        _write_h5(weights, value["arrays"], None)
        with zipfile.ZipFile(data, "w") as archive:
            archive.writestr("metadata.json", "{}")
            archive.writestr("config.json", json.dumps(value["config"]))
            archive.writestr("model.weights.h5", weights.getvalue())
    else:
        torch.save(_tensors(value), data, _use_new_zipfile_serialization=not legacy)
    return data.getvalue()


def _write_h5(data: io.BytesIO, values: Mapping[str, Any], config: Any) -> None:
    with h5py.File(data, "w") as root:
        if config is not None:
            root.attrs["model_config"] = json.dumps(config)
        for name, each in values.items():
            root[name] = each


def _tensors(value: Any) -> Any:
    """Tensors in place of arrays, in containers."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiub":
        return torch.from_numpy(np.array(value))
    if isinstance(value, Mapping):
        return {key: _tensors(each) for key, each in value.items()}
    return [_tensors(each) for each in value] if isinstance(value, list) else value
