"""An LSTM of one unit whose gates are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from seqshell.testing import tiny_model
from seqshell_recurrent.config import LSTMConfig
from seqshell_recurrent.decoders import LSTMDecoder

INPUTS = {"a": -4.0, "b": 0.0, "c": 4.0}  # what each letter adds to the forget gate of the unit


def one_unit():
    """An LSTM of one unit with i = sigmoid(1), f = sigmoid(x), o = sigmoid(-x), g = tanh(0.5)."""
    model = tiny_model("abc")
    size = model.tokenizer.size
    vectors = np.zeros((size, 1), np.float32)
    for letter, value in INPUTS.items():
        vectors[model.tokenizer.encode(letter)[0]] = value
    weights = {
        "embedding.weight": vectors,
        "recurrent.0.weight_ih_l0": np.array([[0], [1], [0], [-1]], np.float32),  # i, f, g, o
        "recurrent.0.weight_hh_l0": np.zeros((4, 1), np.float32),
        "recurrent.0.bias_ih_l0": np.array([1, 0, 0.5, 0], np.float32),
        "recurrent.0.bias_hh_l0": np.zeros(4, np.float32),
        "readout.weight": np.zeros((size, 1), np.float32),
        "readout.bias": np.zeros(size, np.float32),
    }
    config = LSTMConfig(size, embed_size=1, hidden_size=1, num_layers=1)
    return replace(model, architecture="lstm", decoder=LSTMDecoder(config, weights), fingerprint="one unit")
