"""The encoder-decoders as plain PyTorch and as two ONNX graphs, `encoder` and `step`.

Sources of one batch have one length, without padding. Settings that only models of other programs need are refused.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from seqshell import UsageError
from seqshell.exporting import Graph, PlainModel, RecurrentLayers, Value, indented, read_layer
from seqshell.layers import take
from seqshell_seq2seq.config import AttentionConfig, EncoderDecoderConfig
from seqshell_seq2seq.exported_attention import ExportedAttention

Weights = Mapping[str, NDArray[Any]]
# All other settings must have their usual values.
SIZES = ("source_vocab_size", "target_vocab_size", "embed_size", "encoder_size", "encoder_layers", "hidden_size")
FREE = (*SIZES, "num_layers", "cell", "bidirectional", "tied", "shared_embedding", "scaled_embedding")
ATTENTION = ("attention", "attention_size", "copy", "coverage_weight")
TRAINING = ("embed_dropout", "dropout", "locked")
LINEAR = (
    "bridge_hidden",
    "bridge_cell",
    "keys",
    "query",
    "vector",
    "covered",
    "attended",
    "gate",
    "projection",
    "readout",
)
CODE = '''\
class Model(nn.Module):
    """A translator: an encoder, and a decoder {about}."""

    def __init__(self):
        super().__init__()
{init}

    def encode(self, source):
        """source: [B, S] int64, ending with EOS, without padding. Returns the state before BOS is read."""
{encode}

    def forward(self, target, state):
        """target: [B, T] int64, beginning with BOS. Returns {outputs} [B, T, {vocab_size}] and the state."""
{forward}
'''
EXAMPLE = """\
state, token, written = model.encode(torch.tensor([[*encode(" ".join(words)), 2]])), 1, []  # 2 is EOS, 1 BOS
while len(written) < 200:
    logits, state = model(torch.tensor([[token]]), state)
    token = int(logits[0, -1].argmax())
    if token == 2:
        break
    written.append(decode(token))
print("".join(written).strip())
"""


def export_translator(config: EncoderDecoderConfig, weights: Weights) -> PlainModel:
    """seq2seq and attention_seq2seq. Raises UsageError for settings that are not exported."""
    for field in dataclasses.fields(config):
        value, usual = getattr(config, field.name), field.default
        if field.name not in (*FREE, *ATTENTION, *TRAINING) and value != usual:
            raise UsageError(f"a translator with {field.name} = {value} cannot be exported")
    return _Exported(config, weights).model()


class _Exported:
    """The parts of a translator."""

    def __init__(self, config: EncoderDecoderConfig, weights: Weights) -> None:
        self.config = config
        embed, size, encoded = config.embed_size, config.hidden_size, config.encoded_size
        cell = config.cell_name
        directions = [
            [
                read_layer(cell, weights, f"encoder.{index}.", suffix, encoded if index else embed, config.encoder_size)
                for index in range(config.encoder_layers)
            ]
            for suffix in (("_l0", "_l0_reverse") if config.bidirectional else ("_l0",))
        ]
        self.encoder = RecurrentLayers(cell, directions[0], directions[1] if config.bidirectional else ())
        prefixes = [f"decoder.{index}." for index in range(config.num_layers)]
        self.decoder = RecurrentLayers.read(cell, weights, prefixes, input_size=embed, hidden_size=size)
        self.attention = ExportedAttention(config, weights) if isinstance(config, AttentionConfig) else None
        shapes: dict[str, tuple[int, ...]] = {"target_embedding.weight": (config.target_vocab_size, embed)}
        if not config.shared_embedding:
            shapes["source_embedding.weight"] = config.source_vocab_size, embed
        for name in ("hidden", "cell")[: 1 + config.bridges_cell] if config.has_bridge_layer else ():
            shapes |= {f"bridge.{name}.weight": (size, encoded), f"bridge.{name}.bias": (size,)}
        if self.attention is None and config.readout_size != size:
            shapes |= {"projection.weight": (config.readout_size, size), "projection.bias": (config.readout_size,)}
        if not config.tied:
            shapes["readout.weight"] = config.target_vocab_size, config.readout_size
        shapes["readout.bias"] = (config.target_vocab_size,)
        taken = {name: take(weights, name, *shape) for name, shape in shapes.items()}
        self.weights = {name.replace("bridge.", "bridge_"): values for name, values in taken.items()}
        if self.attention is not None:
            self.weights |= self.attention.weights
        self.weights.setdefault("readout.weight", self.weights["target_embedding.weight"])
        self.weights.setdefault("source_embedding.weight", self.weights["target_embedding.weight"])

    def model(self) -> PlainModel:
        """The model without seqshell."""
        weights = {**self.weights, **self.encoder.weights("encoder"), **self.decoder.weights("decoder")}
        return PlainModel(self._code(), weights, EXAMPLE, {"encoder": self._encoder_graph, "step": self._step_graph})

    def _has(self, name: str) -> bool:
        return f"{name}.weight" in self.weights

    # PyTorch

    def _code(self) -> str:
        config = self.config
        init = [
            f"self.{side}_embedding = nn.Embedding({getattr(config, f'{side}_vocab_size')}, {config.embed_size})"
            for side in ("source", "target")
        ]
        if config.shared_embedding:
            init[0] = "self.source_embedding = self.target_embedding"
            init.reverse()
        init += [*self.encoder.init("encoder"), *self.decoder.init("decoder")]
        for name in LINEAR:
            if self._has(name):
                outputs, inputs = self.weights[f"{name}.weight"].shape
                bias = "" if f"{name}.bias" in self.weights else ", bias=False"
                init.append(f"self.{name} = nn.Linear({inputs}, {outputs}{bias})")
        if config.tied:
            init.append("self.readout.weight = self.target_embedding.weight")
        return CODE.format(
            about=self._about(),
            outputs="log-probabilities" if self.attention and self.attention.config.copy else "logits",
            init=indented(init, 2),
            encode=indented(self._encode(), 2),
            forward=indented(self._forward(), 2),
            vocab_size=config.target_vocab_size,
        )

    def _about(self) -> str:
        if self.attention is None:
            return "that knows the last state"
        copies = ", which it may copy" if self.attention.config.copy else ""
        return f"with attention to all tokens of the source{copies}"

    def _scaled(self, vectors: str) -> str:
        return f"{vectors} * {self.config.embedding_scale!r}" if self.config.scaled_embedding else vectors

    def _encode(self) -> list[str]:
        config = self.config
        lines = [f"encoded, final = self.encoder({self._scaled('self.source_embedding(source)')})"]
        names = ("hidden", "cell")[: self.encoder.num_states]
        for index, name in enumerate(names):
            final = f"final[{index}]" if len(names) == 2 else "final"
            sizes = f"{config.encoder_layers}, {config.num_directions}, -1, {config.encoder_size}"
            lines.append(f"{name} = {final}.view({sizes}).transpose(1, 2).flatten(2)  # [L, B, {config.encoded_size}]")
            if config.encoder_layers != config.num_layers:
                lines.append(f"{name} = {name}[-1:].expand({config.num_layers}, -1, -1)  # each from the last layer's")
            if self._has(f"bridge_{name}"):
                bridged = f"self.bridge_{name}({name})"
                lines.append(f"{name} = {f'torch.tanh({bridged})' if name == 'hidden' else bridged}")
        contiguous = ", ".join(f"{name}.contiguous()" for name in names)
        state = f"({contiguous})" if len(names) == 2 else contiguous
        if self.attention is None:
            return [*lines, f"return {state}"]
        return [*lines, *self.attention.begin(), f"return {', '.join((state, *self.attention.constants))}"]

    def _forward(self) -> list[str]:
        vectors = self._scaled("self.target_embedding(target)")
        if self.attention is None:
            hidden = "self.projection(hidden)" if self._has("projection") else "hidden"
            return [f"hidden, state = self.decoder({vectors}, state)", f"return self.readout({hidden}), state"]
        state = ", ".join(("state", *self.attention.constants))
        return [
            f"{state} = state",
            f"vectors = {vectors}",
            "hidden, state = self.decoder(vectors, state)",
            *self.attention.run(),
            f"return outputs, ({state})",
        ]

    # ONNX

    def _linear(self, graph: Graph, inputs: str, name: str) -> str:
        return Value(graph, inputs).linear(self.weights[f"{name}.weight"], self.weights.get(f"{name}.bias")).name

    def _embedded(self, graph: Graph, tokens: str, side: str) -> str:
        vectors = graph.add("Gather", graph.constant(self.weights[f"{side}_embedding.weight"]), tokens)
        return graph.add("Mul", vectors, graph.constant(self.config.embedding_scale))

    def _state_sizes(self) -> tuple[int, str, int]:
        return self.config.num_layers, "batch", self.config.hidden_size

    def _encoder_graph(self) -> Graph:
        """source [B, S] to the first state of the decoder, and what attention reads."""
        config, graph = self.config, Graph("encoder", "The encoder of a translator.")
        source = graph.input("source", "int64", "batch", "length")
        encoded, finals = self.encoder.add_to(graph, self._embedded(graph, source, "source"))
        for name, final in zip(("hidden", "cell"), finals, strict=False):
            sizes = config.encoder_layers, config.num_directions, -1, config.encoder_size
            by_row = graph.add("Transpose", graph.add("Reshape", final, graph.integers(*sizes)), perm=[0, 2, 1, 3])
            joined = graph.add("Reshape", by_row, graph.integers(config.encoder_layers, -1, config.encoded_size))
            if config.encoder_layers != config.num_layers:
                last = graph.add("Slice", joined, graph.integers(-1), graph.integers(2**31), graph.integers(0))
                joined = graph.add("Tile", last, graph.integers(config.num_layers, 1, 1))
            if self._has(f"bridge_{name}"):
                joined = self._linear(graph, joined, f"bridge_{name}")
                joined = graph.add("Tanh", joined) if name == "hidden" else joined
            graph.output(joined, name, "float32", *self._state_sizes())
        if self.attention is not None:
            self.attention.add_constants(graph, source, Value(graph, encoded))
        return graph

    def _step_graph(self) -> Graph:
        """target [B, T] and the state to logits [B, T, V] and the state."""
        config, graph = self.config, Graph("step", "The decoder of a translator.")
        time = 1 if self.attention and self.attention.config.coverage_weight else "time"
        target = graph.input("target", "int64", "batch", time)
        names = ("hidden", "cell")[: self.decoder.num_states]
        states = [graph.input(name, "float32", *self._state_sizes()) for name in names]
        vectors = self._embedded(graph, target, "target")
        hidden, after = self.decoder.add_to(graph, vectors, states)
        if self.attention is not None:
            readout = self.weights["readout.weight"], self.weights["readout.bias"]
            logits = self.attention.add_to(graph, Value(graph, hidden), Value(graph, vectors), readout).name
        else:
            hidden = self._linear(graph, hidden, "projection") if self._has("projection") else hidden
            logits = self._linear(graph, hidden, "readout")
        graph.output(logits, "logits", "float32", "batch", time, config.target_vocab_size)
        for name, value in zip(names, after, strict=True):
            graph.output(value, f"new_{name}", "float32", *self._state_sizes())
        return graph
