"""The recurrent language models as plain PyTorch and as ONNX graphs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.exporting import NEXT_TOKENS, Graph, PlainModel, RecurrentLayers, language_model_code
from seqshell.layers import take
from seqshell_recurrent.config import CellConfig, ElmanConfig, GRUCellConfig, RecurrentConfig, StackedCellConfig

Weights = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class _Parts:
    """A language model. embedding: [V, E], None for one-hot tokens. readout: [V, H]; bias: [V].

    reads_previous: the read-out reads the inputs and the hidden state before the token, [V, E + H].
    """

    about: str
    embedding: NDArray[Any] | None
    layers: RecurrentLayers
    readout: NDArray[Any]
    bias: NDArray[Any]
    tied: bool = False
    reads_previous: bool = False

    def model(self) -> PlainModel:
        """The model without seqshell."""
        weights = {**self.layers.weights("recurrent"), "readout.weight": self.readout, "readout.bias": self.bias}
        if self.embedding is not None:
            weights["embedding.weight"] = self.embedding
        return PlainModel(self._code(), weights, NEXT_TOKENS, {"": self._graph})

    def _code(self) -> str:
        layers, (vocab_size, features) = self.layers, self.readout.shape
        init = [] if self.embedding is None else [f"self.embedding = nn.Embedding({vocab_size}, {layers.input_size})"]
        init += [*layers.init("recurrent"), f"self.readout = nn.Linear({features}, {vocab_size})"]
        if self.tied:
            init.append("self.readout.weight = self.embedding.weight")
        one_hot = f"functional.one_hot(tokens, {vocab_size}).float()"
        forward = [f"inputs = {one_hot if self.embedding is None else 'self.embedding(tokens)'}"]
        if self.reads_previous:
            forward += ["vectors, before = inputs, state.transpose(0, 1)", *layers.run("recurrent")]
            forward.append("hidden = torch.cat((vectors, torch.cat((before, hidden[:, :-1]), 1)), -1)")
        else:
            forward += layers.run("recurrent")
        sizes = f"[{len(layers.layers)}, B, {layers.hidden_size}]"
        return language_model_code(
            self.about,
            f"hidden states and cells, {sizes} each" if layers.num_states == 2 else f"hidden states {sizes}",
            init=init,
            initial_state=layers.initial_state(),
            forward=[*forward, "return self.readout(hidden), state"],
            vocab_size=vocab_size,
            classes=layers.classes(),
        )

    def _graph(self) -> Graph:
        layers, vocab_size = self.layers, len(self.readout)
        graph = Graph("language_model", self.about)
        tokens = graph.input("tokens", "int64", "batch", "time")
        sizes = len(layers.layers), "batch", layers.hidden_size
        names = ("hidden", "cell")[: layers.num_states]
        states = [graph.input(name, "float32", *sizes) for name in names]
        vectors = graph.constant(np.eye(vocab_size) if self.embedding is None else self.embedding)
        inputs = graph.add("Gather", vectors, tokens)  # [B, T, E]
        hidden, after = layers.add_to(graph, inputs, states)
        if self.reads_previous:
            first = graph.add("Transpose", states[0], perm=[1, 0, 2])
            earlier = graph.add("Concat", first, hidden, axis=1)
            earlier = graph.add("Slice", earlier, graph.integers(0), graph.integers(-1), graph.integers(1))
            hidden = graph.add("Concat", inputs, earlier, axis=-1)
        logits = graph.add(
            "Add", graph.add("MatMul", hidden, graph.constant(self.readout.T)), graph.constant(self.bias)
        )
        graph.output(logits, "logits", "float32", "batch", "time", vocab_size)
        for value, name in zip(after, names, strict=True):
            graph.output(value, f"new_{name}", "float32", *sizes)
        return graph


def export_recurrent(config: RecurrentConfig, weights: Weights) -> PlainModel:
    """rnn, lstm and gru."""
    cell = f"rnn_{config.nonlinearity}" if hasattr(config, "nonlinearity") else _kind(config)
    embedding, top = _embedding(config, weights), config.top_size
    tied = embedding if config.tied else None
    readout = take(weights, "readout.weight", config.vocab_size, top) if tied is None else tied
    if top < config.hidden_size:
        weights, readout = _filled(config, weights), np.pad(readout, ((0, 0), (0, config.hidden_size - top)))
    layers = RecurrentLayers.read(
        cell,
        weights,
        [f"recurrent.{index}." for index in range(config.num_layers)],
        input_size=config.embed_size or config.vocab_size,
        hidden_size=config.hidden_size,
        residual=config.residual,
        layer_norm=config.layer_norm,
    )
    bias = take(weights, "readout.bias", config.vocab_size)
    return _Parts(_about(cell, layers), embedding, layers, readout, bias, readout is tied).model()


def _filled(config: RecurrentConfig, weights: Weights) -> Weights:
    """The weights with a last layer of the size of the others. Weights of zero let its further units say nothing."""
    prefix, size, missing = f"recurrent.{config.num_layers - 1}.", config.top_size, config.hidden_size - config.top_size
    filled = dict(weights)
    for name in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"):
        gates = weights[prefix + name].reshape(-1, size, *weights[prefix + name].shape[1:])  # [G, O, ...]
        columns = [(0, missing)] if name == "weight_hh_l0" else [(0, 0)] * (gates.ndim - 2)
        filled[prefix + name] = np.concatenate(np.pad(gates, [(0, 0), (0, missing), *columns]))
    return filled


def export_elman(config: ElmanConfig, weights: Weights) -> PlainModel:
    """elman: its layers under the names of torch."""
    size, hidden_size = config.embed_size or config.vocab_size, config.hidden_size
    reads_previous = config.form == "i2o"
    if reads_previous:
        both = take(weights, "i2h.weight", hidden_size, size + hidden_size)
        layer = {"weight_ih": both[:, :size], "weight_hh": both[:, size:], "bias_hh": np.zeros(hidden_size, np.float32)}
        readout, name = take(weights, "i2o.weight", config.vocab_size, size + hidden_size), "i2o"
    else:
        layer = {
            "weight_ih": take(weights, "i2h.weight", hidden_size, size),
            "weight_hh": take(weights, "h2h.weight", hidden_size, hidden_size),
            "bias_hh": take(weights, "h2h.bias", hidden_size),
        }
        readout, name = take(weights, "h2o.weight", config.vocab_size, hidden_size), "h2o"
    cell = f"rnn_{config.nonlinearity}"
    layers = RecurrentLayers(cell, [{**layer, "bias_ih": take(weights, "i2h.bias", hidden_size)}])
    bias = take(weights, f"{name}.bias", config.vocab_size)
    embedding = _embedding(config, weights)
    return _Parts(_about(cell, layers), embedding, layers, readout, bias, reads_previous=reads_previous).model()


def export_cells(config: StackedCellConfig, weights: Weights) -> PlainModel:
    """lstm_cell and gru_cell: their gates stacked, as torch has them."""
    size, hidden_size = config.embed_size or config.vocab_size, config.hidden_size
    is_gru = isinstance(config, GRUCellConfig)
    gates = "rzn" if is_gru else "ifgo"
    cell = ("gru" if config.reset == "after" else "gru_reset_before") if isinstance(config, GRUCellConfig) else "lstm"
    layers = []
    for index in range(config.num_layers):
        prefix, inputs = f"cells.{index}.", hidden_size if index else size
        zeros = np.zeros((len(gates) - 1) * hidden_size if cell == "gru" else len(gates) * hidden_size, np.float32)
        own = [take(weights, f"{prefix}a_n", hidden_size)] if cell == "gru" else []
        layers.append(
            {
                "weight_ih": np.concatenate(
                    [take(weights, f"{prefix}W_{gate}", hidden_size, inputs) for gate in gates]
                ),
                "weight_hh": np.concatenate(
                    [take(weights, f"{prefix}U_{gate}", hidden_size, hidden_size) for gate in gates]
                ),
                "bias_ih": np.concatenate([take(weights, f"{prefix}b_{gate}", hidden_size) for gate in gates]),
                "bias_hh": np.concatenate([zeros, *own]),
            }
        )
    stack = RecurrentLayers(cell, layers)
    readout = take(weights, "readout.weight", config.vocab_size, hidden_size)
    bias = take(weights, "readout.bias", config.vocab_size)
    return _Parts(_about(cell, stack), _embedding(config, weights), stack, readout, bias).model()


def _kind(config: RecurrentConfig) -> str:
    return "lstm" if hasattr(config, "forget_bias") else "gru"


def _embedding(config: RecurrentConfig | CellConfig, weights: Weights) -> NDArray[Any] | None:
    if not config.embed_size:
        return None
    return take(weights, "embedding.weight", config.vocab_size, config.embed_size)


def _about(cell: str, layers: RecurrentLayers) -> str:
    number = f"{len(layers.layers)} layer{'s' * (len(layers.layers) > 1)}"
    return f"A language model: {number} of {cell.partition('_')[0].upper()} with {layers.hidden_size} units."
