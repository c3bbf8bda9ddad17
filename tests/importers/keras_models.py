"""Models of Keras 2 and 3: their files, and their layers computed as Keras computes them."""

from __future__ import annotations

import io
import json
import zipfile

import h5py
import numpy as np

import seqshell
from seqshell.cli import main
from seqshell.host.builtin import load_registry

V, E, H = 6, 4, 5
TOKENS = [3, 1, 5, 0, 2]
RANDOM = np.random.default_rng(4)


def numbers(*shape):
    return RANDOM.normal(0, 0.5, shape).astype(np.float32)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm(x, state, weights, config):
    h, c = state or (np.zeros(H), np.zeros(H))
    kernel, recurrent, bias = weights
    i, f, g, o = np.split(x @ kernel + h @ recurrent + bias, 4)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), (sigmoid(o) * np.tanh(c), c)


def gru(x, h, weights, config):
    h = np.zeros(H) if h is None else h
    kernel, recurrent, bias = weights
    if config["reset_after"]:
        (xz, xr, xh), (hz, hr, hh) = np.split(x @ kernel + bias[0], 3), np.split(h @ recurrent + bias[1], 3)
        z, r = sigmoid(xz + hz), sigmoid(xr + hr)
        candidate = np.tanh(xh + r * hh)
    else:
        xz, xr, xh = np.split(x @ kernel + bias, 3)
        uz, ur, uh = np.split(recurrent, 3, 1)
        z, r = sigmoid(xz + h @ uz), sigmoid(xr + h @ ur)
        candidate = np.tanh(xh + (r * h) @ uh)
    h = z * h + (1 - z) * candidate
    return h, h


def simple_rnn(x, h, weights, config):
    kernel, recurrent, bias = weights
    h = x @ kernel + (np.zeros(H) if h is None else h) @ recurrent + bias
    h = np.maximum(h, 0) if config.get("activation") == "relu" else np.tanh(h)
    return h, h


STEPS = {"LSTM": lstm, "GRU": gru, "SimpleRNN": simple_rnn}
GATES = {"LSTM": 4, "GRU": 3, "SimpleRNN": 1}


def recurrent(kind, name, inputs, **config):
    """A layer of the list that `save` takes: class, name, settings, and its weights."""
    rows = GATES[kind] * H
    bias = (2, rows) if config.get("reset_after") else (rows,)
    return kind, name, config, [numbers(inputs, rows), numbers(H, rows), numbers(*bias)]


def both(name, inner):
    """A Bidirectional layer of a recurrent one."""
    kind, own, config, weights = inner
    inside = {"merge_mode": "concat", "layer": {"class_name": kind, "config": {"name": own, **config}}}
    return "Bidirectional", name, inside, [*weights, *(numbers(*each.shape) for each in weights)]


def embedding():
    return "Embedding", "embedding", {"input_dim": V, "output_dim": E}, [numbers(V, E)]


def dense(inputs, units, activation="softmax", name="dense"):
    return "Dense", name, {"units": units, "activation": activation}, [numbers(inputs, units), numbers(units)]


NAMES = {"Embedding": ["embeddings"], "Dense": ["kernel", "bias"]}


def described(layers, functional):
    """The config of a model as JSON, Sequential or functional."""
    listed, before = [], None
    for kind, name, config, _ in layers:
        each = {"class_name": kind, "config": {"name": name, **config}}
        if functional:
            each |= {"name": name, "inbound_nodes": [[[before, 0, 0, {}]]] if before else []}
        listed.append(each)
        before = name
    return json.dumps({"class_name": "Sequential", "config": {"name": "model", "layers": listed}})


def save_h5(path, layers, *, functional=False):
    """As model.save(path.h5) of Keras 2 does."""
    with h5py.File(path, "w") as root:
        root.attrs["keras_version"] = b"2.2.4"
        root.attrs["model_config"] = described(layers, functional).encode()
        group = root.create_group("model_weights")
        for kind, name, _, weights in layers:
            parts = NAMES.get(kind, ["kernel", "recurrent_kernel", "bias"])
            for index, array in enumerate(weights):
                inner = name if kind != "Bidirectional" else f"{name}/{'forward' if index < 3 else 'backward'}_rnn"
                group.create_dataset(f"{name}/{inner}/{parts[index % len(parts)]}:0", data=array)
    return path


def save_keras(path, layers, compression=zipfile.ZIP_STORED):
    """As model.save(path.keras) of Keras 3 does: folders are named after the class and counted."""
    data, counts = io.BytesIO(), {}
    snake = {"SimpleRNN": "simple_rnn", "GlobalMaxPooling1D": "global_max_pooling1d", "InputLayer": "input_layer"}
    with h5py.File(data, "w") as root:
        for kind, _, _, weights in layers:
            name = snake.get(kind, kind.lower())
            counts[name] = counts.get(name, -1) + 1
            folder = f"layers/{name}" + (f"_{counts[name]}" if counts[name] else "")
            for index, array in enumerate(weights):
                inner = "/cell" if kind in GATES else ""
                if kind == "Bidirectional":
                    inner = f"/{'forward' if index < 3 else 'backward'}_layer/cell"
                root.create_dataset(f"{folder}{inner}/vars/{index % 3}", data=array)
        root.create_dataset("optimizer/vars/0", data=np.ones(3))
        root.create_dataset("layers/dropout/seed_generator/vars/0", data=np.ones(2, np.uint32))
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("metadata.json", '{"keras_version": "3.4.1"}')
        archive.writestr("config.json", described(layers, functional=True))
        archive.writestr("model.weights.h5", data.getvalue())
    return path


def forward(layers, tokens):
    """What the model computes for a text, before the last activation: one vector for each step, or after pooling."""
    xs = [np.eye(V)[token] for token in tokens]
    for kind, _, config, weights in layers:
        if kind == "Embedding":
            xs = [weights[0][token] for token in tokens]
        elif kind == "Dense":
            xs = [x @ weights[0] + weights[1] for x in xs]
        elif kind == "GlobalMaxPooling1D":
            xs = [np.max(xs, 0)]
        elif kind in STEPS:
            xs = run(xs, kind, config, weights)
        elif kind == "Bidirectional":
            inner = config["layer"]
            ahead, back = run(xs, inner["class_name"], inner["config"], weights[:3]), xs[::-1]
            back = run(back, inner["class_name"], inner["config"], weights[3:])
            if inner["config"].get("return_sequences"):
                xs = [np.concatenate(pair) for pair in zip(ahead, back[::-1], strict=True)]
            else:
                xs = [np.concatenate([ahead[-1], back[-1]])]
    return np.array(xs)


def run(xs, kind, config, weights):
    outputs, state = [], None
    for x in xs:
        output, state = STEPS[kind](x, state, weights, config)
        outputs.append(output)
    return outputs


def imported(capsys, path, *options):
    """Import a file, which must succeed. Returns the opened model."""
    code = main(["import", str(path), "--out", "./made.safetensors", *options])
    assert (code, capsys.readouterr().err) == (0, "")
    return seqshell.open("./made.safetensors", registry=load_registry()).model
