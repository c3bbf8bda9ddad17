"""`seqshell import` of ONNX graphs: those that seqshell exports, and hostile ones."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import seqshell
from seqshell.cli import main
from seqshell.core.named_files import read_bytes
from seqshell.exporting import Graph
from seqshell.foreign.protobuf import message, read_integers, read_message
from seqshell.host import resolve
from seqshell.host.builtin import load_registry

REGISTRY = load_registry()
V, H = 6, 5
TOKENS = [3, 1, 5, 0, 2]
MODELS = [
    ("lstm", {"num_layers": 2, "embed_size": 4}),
    ("lstm", {"num_layers": 1, "embed_size": 0}),
    ("gru", {"num_layers": 1, "embed_size": 4}),
    ("gru_cell", {"num_layers": 2, "embed_size": 4, "reset": "before"}),
    ("rnn", {"num_layers": 2, "embed_size": 4, "nonlinearity": "relu"}),
    ("rnn", {"num_layers": 1, "embed_size": 4, "nonlinearity": "sigmoid"}),
]


@pytest.fixture(autouse=True)
def _home(folder):
    (folder / "vocab.txt").write_text("a\nb\nc\nd\ne\nf\n")


def run_import(capsys, *options):
    code = main(["import", "m.onnx", "--out", "./made.safetensors", "--vocab", "vocab.txt", *options])
    out, err = capsys.readouterr()
    return code, out, err.removeprefix("seqshell: ")


@pytest.mark.parametrize(("name", "settings"), MODELS)
def test_an_exported_graph_is_imported_with_the_same_logits(capsys, folder, name, settings):
    torch.manual_seed(3)
    architecture = REGISTRY.architectures[name]
    config = resolve(architecture.config)(vocab_size=V, hidden_size=H, **settings)
    module = resolve(architecture.model)(config).eval()
    for parameter in module.parameters():
        nn.init.uniform_(parameter, -0.6, 0.6)
    weights = {key: value.numpy() for key, value in module.state_dict().items()}
    (folder / "m.onnx").write_bytes(resolve(architecture.export)(config, weights).graphs[""]().to_bytes())
    assert run_import(capsys)[::2] == (0, "")
    model = seqshell.open("./made.safetensors", registry=REGISTRY).model
    state, logits = model.decoder.initial_state(1), []
    for token in TOKENS:
        outputs, state = model.decoder.step(np.array([token]), state)
        logits.append(outputs[0])
    with torch.inference_mode():
        expected = module(torch.tensor([TOKENS]), module.initial_state(1))[0][0]

    assert model.architecture == name
    np.testing.assert_allclose(logits, expected, rtol=0, atol=2e-6)


def numbers(*shape):
    return np.random.default_rng(1).normal(0, 0.5, shape).astype(np.float32)


def graph(op="LSTM", gates=4, outputs=V, inputs=V, more=(), recurrent=None, **attributes):
    """A small graph: one layer over one-hot tokens, and a read-out. more: operators after it."""
    g = Graph("test", "")
    x = g.input("x", "float32", "time", "batch", inputs)
    given = [g.constant(numbers(1, gates * H, inputs)), recurrent or g.constant(numbers(1, gates * H, H))]
    y = g.add(op, x, *given, hidden_size=H, **attributes)
    y = g.add("MatMul", g.add("Squeeze", y, g.integers(1)), g.constant(numbers(H, outputs)))
    for each in more:
        y = g.add(each, y, g.constant(numbers(outputs))) if each == "Mul" else g.add(each, y)
    g.output(y, "logits", "float32", "time", "batch", outputs)
    return g.to_bytes()


def test_weights_without_biases_and_in_fields_of_floats_are_read(capsys, folder):
    """Other programs write the numbers of a tensor as packed floats, and leave biases out."""
    data = graph()
    model = read_message(memoryview(data))
    inner = read_message(model[7][0])
    tensors = []
    for each in inner[5]:
        tensor = read_message(each)
        kind = 4 if tensor[2] == [1] else 7  # floats packed, integers one by one
        values = [bytes(tensor[9][0])] if kind == 4 else np.frombuffer(tensor[9][0], "<i8").tolist()
        dims = message([(1, size) for size in read_integers(tensor.get(1, ()))])
        tensors.append(
            dims + message([(2, tensor[2][0]), (8, bytes(tensor[8][0])), *((kind, each) for each in values)])
        )
    parts = [(number, bytes(each)) for number in (1, 2, 11, 12) for each in inner[number]]
    again = message([(1, 8), (2, "pytorch"), (7, message([*parts, *((5, each) for each in tensors)]))])
    found = []
    for content in (data, again):
        (folder / "m.onnx").write_bytes(content)
        assert run_import(capsys)[::2] == (0, "")
        model = seqshell.open("./made.safetensors", registry=REGISTRY).model
        found.append(model.decoder.feed(np.array([TOKENS]), model.decoder.initial_state(1))[0])

    np.testing.assert_array_equal(found[0], found[1])


@pytest.mark.parametrize("last", ["Y_h", "Y"])
def test_a_classifier_of_the_last_state_is_imported_with_the_same_logits(capsys, folder, last):
    """As torch exports an embedding, an nn.LSTM and an nn.Linear over hidden[-1] or output[-1]."""
    torch.manual_seed(3)
    embedding, layer, readout = nn.Embedding(V, 4), nn.LSTM(4, H), nn.Linear(H, 3)
    order = [0, 3, 1, 2]  # i o f c, among i f c o of torch
    w, r, b, c = (
        np.concatenate(np.split(each.detach().numpy(), 4))[
            np.concatenate([np.arange(part * H, part * H + H) for part in order])
        ]
        for each in (layer.weight_ih_l0, layer.weight_hh_l0, layer.bias_ih_l0, layer.bias_hh_l0)
    )
    g = Graph("test", "")
    x = g.add("Gather", g.constant(embedding.weight.detach().numpy()), g.input("x", "int64", "time", "batch"))
    given = [g.constant(each[None]) for each in (w, r, np.concatenate([b, c]))]
    y, hidden, _ = g.add_many("LSTM", 3, x, *given, hidden_size=H)
    state = g.add("Squeeze", hidden, g.integers(0))
    if last == "Y":
        state = g.add("Gather", g.add("Squeeze", y, g.integers(1)), g.integers(-1), axis=0)
    weights = g.constant(readout.weight.detach().numpy()), g.constant(readout.bias.detach().numpy())
    g.output(g.add("Gemm", state, *weights, transB=1), "logits", "float32", "batch", 3)
    (folder / "m.onnx").write_bytes(g.to_bytes())
    assert run_import(capsys)[::2] == (0, "")
    model = seqshell.open("./made.safetensors", registry=REGISTRY).model
    logits, _ = model.decoder.feed(np.array([model.tokenizer.encode("dbfac")]), model.decoder.initial_state(1))
    with torch.inference_mode():
        expected = readout(layer(embedding(torch.tensor(TOKENS)))[0][-1]).numpy()
    np.testing.assert_allclose(logits[0], expected, rtol=0, atol=2e-6)


def external(data):
    """The same graph with a tensor whose numbers are in another file."""
    inner = read_message(read_message(memoryview(data))[7][0])
    tensor = message([(1, H), (2, 1), (8, "w"), (14, 1)])
    parts = [(number, bytes(each)) for number in (1, 2, 5, 11, 12) for each in inner[number]]
    return message([(1, 8), (2, "onnx"), (7, message([*parts, (5, tensor)]))])


def claims(**fields):
    """A graph with one tensor that claims something."""
    numbers = {"dims": 1, "kind": 2, "raw": 9}
    tensor = message([(numbers[name], value) for name, value in fields.items()])
    return message([(1, 8), (2, "onnx"), (7, message([(5, tensor)]))])


REFUSED = {
    "m.onnx is not read: it is no ONNX graph, or damaged (it ends within a field)": graph()[:12] + b"\xff",
    "m.onnx is not read: it is no ONNX graph, or damaged (a damaged field)": graph()[:900],
    "m.onnx is not read: it is no ONNX graph, or damaged (a field of an unknown kind)": b"\x08\x07onnx" + b"\x0f" * 20,
    "m.onnx is not read: it is no ONNX graph, or damaged (a number that is too long)": b"\x08onnx"[:1] + b"\xff" * 30,
    "m.onnx is not read: it is no ONNX graph, or damaged (its numbers are in another file; save": external(graph()),
    "m.onnx is not read: it is no ONNX graph, or damaged (a tensor [1099511627776] with": claims(
        dims=2**40, kind=1, raw=b"abcd"
    ),
    "m.onnx is not read: it is no ONNX graph, or damaged (a tensor of another shape)": claims(dims=-4, kind=1, raw=b""),
    "it needs layers of one of the operators LSTM, GRU and RNN; it has none": claims(dims=1, kind=8),
    "it has the operator Tanh, which": graph(more=("Tanh",)),
    "it has the operator Mul, which": graph(more=("Mul",)),
    "it reads 6 tokens and gives 3 numbers, so it is no language model; as a classifier, its": graph(outputs=3),
    "a layer LSTM has activations or limits that fit no": graph(activations=["Tanh", "Tanh", "Tanh"]),
    "a layer RNN has activations or limits that fit no": graph("RNN", 1, activations=["Affine"]),
    "a layer GRU has activations or limits that fit no": graph("GRU", 3, clip=1.0),
    "a layer LSTM reads backwards or has peepholes": graph(direction="reverse"),
    "the weights of a layer LSTM are computed; save the graph": graph(recurrent="x"),
    "m.onnx: its weights do not fit its layers: ": graph(gates=3),
}


@pytest.mark.parametrize("says", REFUSED)
def test_a_graph_that_is_not_plain_or_hostile_is_one_line(capsys, folder, says):
    (folder / "m.onnx").write_bytes(REFUSED[says])
    code, out, err = run_import(capsys)
    assert (code, out, err.count("\n")) == (3, "", 1)
    assert err.startswith(says)


def test_several_read_outs_and_cells_are_counted(capsys, folder):
    g = Graph("test", "")
    x = g.input("x", "float32", "time", "batch", V)
    for op, gates in (("LSTM", 4), ("GRU", 3)):
        g.add(op, x, g.constant(numbers(1, gates * H, V)), g.constant(numbers(1, gates * H, H)), hidden_size=H)
    (folder / "m.onnx").write_bytes(g.to_bytes())
    assert run_import(capsys)[2].strip().endswith("it has GRU and LSTM")
    g = Graph("test", "")
    x = g.input("x", "float32", "time", "batch", V)
    x = g.add("LSTM", x, g.constant(numbers(1, 4 * H, V)), g.constant(numbers(1, 4 * H, H)), hidden_size=H)
    for size in (H, V):
        x = g.add("Gemm", x, g.constant(numbers(size, H)), g.constant(numbers(size)), transB=1)
    (folder / "m.onnx").write_bytes(g.to_bytes())
    assert run_import(capsys)[2].startswith("it has 0 embeddings, 2 matrices and 2 biases beside its layers; a plain")


def test_a_file_of_another_kind_is_left_to_other_importers(folder):
    from seqshell_importers.onnx import read_onnx_model

    (folder / "a.txt").write_text("abc")
    assert read_bytes("a.txt") == b"abc"
    assert read_onnx_model(folder / "a.txt", {}) is None
