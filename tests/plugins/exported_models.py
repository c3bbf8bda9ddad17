"""Models of the built-in architectures as their exporters give them: the code of PyTorch and the ONNX graph."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
import torch
from torch import nn
from torch.nn import functional

from seqshell.core.state import leaves
from seqshell.host import resolve
from seqshell.host.builtin import load_registry

ARCHITECTURES = load_registry().architectures
CLOSE = {"rtol": 0, "atol": 1e-5}


def made(name, **settings):
    """The module of an architecture with random weights, and what its exporter makes of it."""
    torch.manual_seed(7)
    architecture = ARCHITECTURES[name]
    config = resolve(architecture.config)(**settings)
    module = resolve(architecture.model)(config).eval()
    for parameter in module.parameters():
        nn.init.uniform_(parameter, -0.6, 0.6)  # biases, too
    weights = {name: value.numpy() for name, value in module.state_dict().items()}
    return module, resolve(architecture.export)(config, weights)


def plain(model):
    """The module of the exported code, with the exported weights."""
    names: dict[str, Any] = {"torch": torch, "nn": nn, "functional": functional}
    exec(model.code, names)
    module = names["Model"]()
    module.load_state_dict({name: torch.tensor(values) for name, values in model.weights.items()})
    return module.eval()


def session_of(model, name=""):
    """An exported graph in onnxruntime."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model.graphs[name]().to_bytes(), options)


def run_graph(model, name="", **inputs):
    """The outputs of an exported graph by name, computed by onnxruntime."""
    session = session_of(model, name)
    given = {name: np.asarray(value) for name, value in inputs.items()}
    return dict(zip((each.name for each in session.get_outputs()), session.run(None, given), strict=True))


def by_layer(state):
    """The leaves of a state of ours, [B, L, H], as torch has them, [L, B, H]; that of elman has no layers."""
    return [leaf.transpose(0, 1) if leaf.dim() == 3 else leaf[None] for leaf in leaves(state)]
