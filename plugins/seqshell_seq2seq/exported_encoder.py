"""The encoder of a translator and the first state of its decoder, as PyTorch code and in ONNX graphs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from seqshell import BOS, EOS, PAD
from seqshell.exporting import Graph, RecurrentLayers, Value, read_layer
from seqshell.layers import take
from seqshell_seq2seq.config import EncoderDecoderConfig, Seq2SeqConfig

Weights = Mapping[str, NDArray[Any]]
POOLED = {"mean": "mean(1, keepdim=True)", "max": "amax(1, keepdim=True)"}  # the setting `context` as PyTorch code
OPERATORS = {"mean": "ReduceMean", "max": "ReduceMax"}  # and as operators of ONNX
END = 2**31  # of a slice that ends with its axis


class ExportedEncoder:
    """The order and marks of a source, the encoder's recurrent layers, and the bridge.

    weights: of the linear layers of the bridge, by the names that the code gives them.
    """

    def __init__(self, config: EncoderDecoderConfig, weights: Weights) -> None:
        self.config = config
        self.feeds_context, self._reverses, self._padded_to = False, False, 0
        if isinstance(config, Seq2SeqConfig):
            self.feeds_context, self._reverses = config.feed_context, config.reversed_source
            self._padded_to = config.padded_to
        self._sums = config.directions == "summed" and config.bidirectional
        cell = config.cell_name
        directions = [
            [
                read_layer(cell, weights, f"encoder.{index}.", suffix, size, config.encoder_size)
                for index, size in enumerate([config.embed_size] + [config.joined_size] * (config.encoder_layers - 1))
            ]
            for suffix in ("_l0", "_l0_reverse")[: config.num_directions]
        ]
        self.layers = RecurrentLayers(cell, directions[0], directions[1] if config.bidirectional else ())
        self.names = ("hidden", "cell")[: self.layers.num_states]
        self.weights: dict[str, NDArray[Any]] = {}
        for name in ("hidden", "cell")[: 1 + config.bridges_cell] if config.has_bridge_layer else ():
            sizes = config.hidden_size, config.encoded_size
            self.weights[f"bridge_{name}.weight"] = take(weights, f"bridge.{name}.weight", *sizes)
            self.weights[f"bridge_{name}.bias"] = take(weights, f"bridge.{name}.bias", config.hidden_size)

    @property
    def _takes_top(self) -> bool:
        """Whether all layers of the decoder start from the state of the encoder's last one."""
        config = self.config
        return config.encoder_layers != config.num_layers or (config.context == "top" and config.num_layers > 1)

    # PyTorch

    @property
    def state(self) -> str:
        """The code of the decoder's first state, after the lines of `run`."""
        parts = ", ".join(f"{name}.contiguous()" for name in self.names)
        return f"({parts})" if len(self.names) == 2 else parts

    def run(self, embedded: str) -> list[str]:
        """The lines that compute `encoded`, the parts of `state` and, if it is fed, `context` from `source`.

        embedded: the code of its embeddings.
        """
        config = self.config
        lines = [*self._arranged(), *self.layers.encode("encoder", embedded)]
        if self._sums:
            lines.append(f"encoded = encoded.unflatten(-1, (2, {config.encoder_size})).sum(-2)  # of both directions")
        if config.context in POOLED and (self.feeds_context or config.bridge in ("auto", "layer")):
            lines.append(f"context = encoded.{POOLED[config.context]}  # [B, 1, {config.encoded_size}]")
        elif self.feeds_context:
            lines.append(f"context = {self._joined('hidden')}[-1].unsqueeze(1)  # [B, 1, {config.encoded_size}]")
        for name in self.names:
            lines += self._first(name)
            if f"bridge_{name}.weight" in self.weights:
                bridged = f"self.bridge_{name}({name})"
                lines.append(f"{name} = {f'torch.tanh({bridged})' if name == 'hidden' else bridged}")
        return lines

    def _arranged(self) -> list[str]:
        """The lines that make of `source`, which ends with EOS, what this encoder reads."""
        lines = []
        if self.config.source_marks == "none":
            lines.append("source = source[:, : max(1, source.shape[1] - 1)]  # without EOS")
        if self.config.source_marks == "both":
            lines.append(f"source = functional.pad(source, (1, 0), value={BOS})  # BOS is read, too")
        if self._reverses:
            lines.append("source = source.flip(1)")
        if self._padded_to:
            missing = f"max(0, {self._padded_to} - source.shape[1])"
            lines.append(f"source = functional.pad(source, (0, {missing}), value={PAD})  # padding is read, too")
        return lines

    def copied(self) -> list[str]:
        """The lines that make of the `source` that was read the one whose tokens are copied."""
        if self.config.source_marks != "both":
            return []
        return [f"source = functional.pad(source[:, 1:], (1, 0), value={EOS})  # BOS counts as EOS"]

    def _first(self, name: str) -> list[str]:
        """The lines of a part of the decoder's first state, before the bridge's linear layer."""
        config = self.config
        if name == "cell" and not config.bridges_cell:
            return ["cell = hidden" if config.initial_cell == "hidden" else "cell = torch.zeros_like(hidden)"]
        if config.bridge == "zeros":
            return [f"{name} = encoded.new_zeros({config.num_layers}, len(source), {config.hidden_size})"]
        if config.bridge == "directions":
            return [f"{name} = {self._final(name)}[:{config.num_layers}]  # each from that of one direction"]
        if config.context in POOLED:
            return [f"{name} = context.transpose(0, 1).expand({config.num_layers}, -1, -1)"]
        lines = [f"{name} = {self._joined(name)}  # [L, B, {config.encoded_size}]"]
        if self._takes_top:
            lines.append(f"{name} = {name}[-1:].expand({config.num_layers}, -1, -1)  # each from the last layer's")
        return lines

    def _final(self, name: str) -> str:
        return f"final[{self.names.index(name)}]" if len(self.names) == 2 else "final"

    def _joined(self, name: str) -> str:
        """The code of the states of both directions, [L, B, M]."""
        config = self.config
        sizes = f"{config.encoder_layers}, {config.num_directions}, -1, {config.encoder_size}"
        return f"{self._final(name)}.view({sizes})" + (".sum(1)" if self._sums else ".transpose(1, 2).flatten(2)")

    # ONNX

    def read_source(self, graph: Graph, source: str) -> str:
        """What the encoder reads, of a source that ends with EOS."""
        if self.config.source_marks == "none":
            end = graph.add("Max", graph.add("Sub", _length(graph, source), graph.integers(1)), graph.integers(1))
            source = graph.add("Slice", source, graph.integers(0), end, graph.integers(1))
        if self.config.source_marks == "both":
            source = _pad(graph, source, graph.integers(0, 1, 0, 0), BOS)
        if self._reverses:
            places = (graph.integers(each) for each in (-1, -END, 1, -1))  # from, to, axis, step
            source = graph.add("Slice", source, *places)
        if self._padded_to:
            missing = graph.add("Sub", graph.integers(self._padded_to), _length(graph, source))
            missing = graph.add("Max", missing, graph.integers(0))
            source = _pad(graph, source, graph.add("Concat", graph.integers(0, 0, 0), missing, axis=0), PAD)
        return source

    def copied_source(self, graph: Graph, source: str) -> str:
        """The tokens of a source, which ends with EOS, that attention copies: BOS counts as EOS."""
        if self.config.source_marks == "both":
            return _pad(graph, source, graph.integers(0, 1, 0, 0), EOS)
        return self.read_source(graph, source)

    def add_to(self, graph: Graph, vectors: str) -> tuple[Value, list[Value], Value | None]:
        """The outputs [B, S, M], the parts of the decoder's first state [L, B, H], and the context [B, 1, M] if it is
        fed. vectors: the embeddings [B, S, E] of what the encoder reads.
        """
        config = self.config
        outputs, finals = self.layers.add_to(graph, vectors)
        encoded = Value(graph, outputs)
        if self._sums:
            encoded = encoded.reshape(0, 0, 2, config.encoder_size).sum(2)
        final = dict(zip(self.names, (Value(graph, each) for each in finals), strict=True))
        state: list[Value] = []
        for name in self.names:
            part = self._first_value(name, final[name], encoded, state)
            if f"bridge_{name}.weight" in self.weights:
                part = part.linear(self.weights[f"bridge_{name}.weight"], self.weights[f"bridge_{name}.bias"])
                part = part.tanh() if name == "hidden" else part
            state.append(part)
        context = self._top(final["hidden"], encoded).transpose(1, 0, 2) if self.feeds_context else None
        return encoded, state, context

    def _first_value(self, name: str, final: Value, encoded: Value, before: list[Value]) -> Value:
        """As `_first`. before: the hidden state, for a cell."""
        config, graph = self.config, encoded.graph
        if name == "cell" and not config.bridges_cell:
            if config.initial_cell == "hidden":
                return before[0]
            return Value(graph, graph.add("ConstantOfShape", graph.add("Shape", before[0].name)))
        if config.bridge == "zeros":
            batch = graph.add("Shape", encoded.name, start=0, end=1)
            sizes = graph.integers(config.num_layers), batch, graph.integers(config.hidden_size)
            return Value(graph, graph.add("ConstantOfShape", graph.add("Concat", *sizes, axis=0)))
        if config.bridge == "directions":
            return final.slice(0, config.num_layers, axis=0)
        if config.context not in POOLED and not self._takes_top:
            return self._joined_value(final)
        top = self._top(final, encoded)
        return Value(graph, graph.add("Tile", top.name, graph.integers(config.num_layers, 1, 1)))

    def _top(self, final: Value, encoded: Value) -> Value:
        """One vector for a source, [1, B, M]: of the last layer's states `final` or, if pooled, of `encoded`."""
        if self.config.context in POOLED:
            graph = encoded.graph
            pooled = graph.add(OPERATORS[self.config.context], encoded.name, graph.integers(1), keepdims=1)
            return Value(graph, pooled).transpose(1, 0, 2)
        return self._joined_value(final).slice(-1, END, axis=0)

    def _joined_value(self, final: Value) -> Value:
        """As `_joined`."""
        config = self.config
        parts = final.reshape(config.encoder_layers, config.num_directions, -1, config.encoder_size)
        if self._sums:
            return parts.sum(1)
        return parts.transpose(0, 2, 1, 3).reshape(config.encoder_layers, -1, config.encoded_size)


def _length(graph: Graph, source: str) -> str:
    return graph.add("Shape", source, start=1, end=2)


def _pad(graph: Graph, source: str, sizes: str, token: int) -> str:
    return graph.add("Pad", source, sizes, graph.constant(token, "int64"))
