"""What follows the decoder's recurrent layers in attention_seq2seq, as PyTorch code and in an ONNX graph.

The attention to the source, the attentional vector, and with the setting `copy` the mixture with what is copied.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from seqshell.exporting import Graph, Value
from seqshell.layers import take
from seqshell_seq2seq.config import AttentionConfig
from seqshell_seq2seq.copying_decoder import SMALLEST

Weights = Mapping[str, NDArray[Any]]
COVERAGE = """\
rows = []  # of the weights
for query in hidden.split(1, 1):
    seen = keys + self.covered(coverage.unsqueeze(-1))  # See et al. 2017, equation 11
    scores = {scores}
    rows.append(scores.softmax(-1))  # [B, 1, S]
    coverage = coverage + rows[-1].squeeze(1)  # equation 10
weights = torch.cat(rows, 1)  # [B, T, S]
"""
COPY = """\
# The gate g, See et al. 2017, equation 8, and log(g P_readout + (1 - g) P_source), the logarithm of equation 9
gate = self.gate(torch.cat((attended, vectors), -1))
written = self.readout(attended).log_softmax(-1)
copied = torch.zeros_like(written).scatter_add(2, source.unsqueeze(1).expand_as(weights), weights)
from_source = functional.logsigmoid(-gate) + copied.clamp_min({smallest:g}).log()
outputs = torch.logaddexp(functional.logsigmoid(gate) + written, from_source)
"""


class ExportedAttention:
    """The attention of a translator. weights: of its linear layers, by the names that the code gives them."""

    def __init__(self, config: AttentionConfig, weights: Weights) -> None:
        self.config = config
        size, encoded, keys, reads = config.hidden_size, config.encoded_size, config.key_size, config.readout_size
        kind = config.attention
        self.weights: dict[str, NDArray[Any]] = {}
        if kind == "concat":
            joint = take(weights, "attention.joint.weight", keys, size + encoded)
            self.weights = {"query.weight": joint[:, :size], "keys.weight": joint[:, size:]}
        if kind in ("general", "additive"):
            self.weights["keys.weight"] = take(weights, "attention.keys_of.weight", keys, encoded)
        if kind == "additive":
            self.weights["keys.bias"] = take(weights, "attention.keys_of.bias", keys)
            self.weights["query.weight"] = take(weights, "attention.query_of.weight", keys, size)
        if kind in ("concat", "additive"):
            self.weights["vector.weight"] = take(weights, "attention.vector.weight", 1, keys)
        shapes: dict[str, tuple[int, ...]] = {"attended.weight": (reads, size + encoded), "attended.bias": (reads,)}
        if config.copy:
            shapes |= {"gate.weight": (1, reads + config.embed_size), "gate.bias": (1,)}
        if config.coverage_weight:
            shapes["covered.weight"] = keys, 1
        self.weights |= {name: take(weights, name, *shape) for name, shape in shapes.items()}

    # PyTorch

    @property
    def constants(self) -> list[str]:
        """The names of the state's parts that follow that of the recurrent layers."""
        config = self.config
        return ["encoded", "keys", *["source"] * config.copy, *["coverage"] * bool(config.coverage_weight)]

    def begin(self) -> list[str]:
        """The lines that make the `constants` from `source` and `encoded`."""
        lines = [f"keys = {'self.keys(encoded)' if 'keys.weight' in self.weights else 'encoded'}"]
        return [*lines, *["coverage = torch.zeros_like(source, dtype=keys.dtype)"] * bool(self.config.coverage_weight)]

    def run(self) -> list[str]:
        """The lines that compute `outputs` from `hidden`, `vectors` and the `constants`."""
        config = self.config
        if config.coverage_weight:
            lines = COVERAGE.format(scores=self._scores("query", "seen")).splitlines()
        else:
            lines = [f"scores = {self._scores('hidden', 'keys')}  # [B, T, S]", "weights = scores.softmax(-1)"]
        lines += [
            "context = weights @ encoded",
            "attended = torch.tanh(self.attended(torch.cat((context, hidden), -1)))",
        ]
        if config.copy:
            return [*lines, *COPY.format(smallest=SMALLEST).splitlines()]
        return [*lines, "outputs = self.readout(attended)"]

    def _scores(self, queries: str, keys: str) -> str:
        if "vector.weight" not in self.weights:
            return f"{queries} @ {keys}.transpose(1, 2) / {self.config.hidden_size} ** 0.5"
        summed = f"self.query({queries}).unsqueeze(2) + {keys}.unsqueeze(1)"
        return f"self.vector(torch.tanh({summed})).squeeze(-1)"

    # ONNX

    def add_constants(self, graph: Graph, source: str, encoded: Value) -> None:
        """Return the `constants` but source to the caller, who has it. encoded: [B, S, M]."""
        config, sizes = self.config, ("batch", "length")
        keys = self._linear(encoded, "keys") if "keys.weight" in self.weights else encoded
        graph.output(encoded.name, "encoded", "float32", *sizes, config.encoded_size)
        graph.output(keys.name, "keys", "float32", *sizes, config.key_size)
        if config.coverage_weight:
            graph.output(graph.add("ConstantOfShape", graph.add("Shape", source)), "coverage", "float32", *sizes)

    def add_to(self, graph: Graph, hidden: Value, vectors: Value, readout: tuple[NDArray[Any], NDArray[Any]]) -> Value:
        """The logits, or with copy the log-probabilities, [B, T, V]. readout: weights and biases."""
        config, sizes = self.config, ("batch", "length")
        encoded = Value(graph, graph.input("encoded", "float32", *sizes, config.encoded_size))
        keys = Value(graph, graph.input("keys", "float32", *sizes, config.key_size))
        coverage = Value(graph, graph.input("coverage", "float32", *sizes)) if config.coverage_weight else None
        if coverage is not None:
            keys = keys + self._linear(coverage.unsqueeze(-1), "covered")
        if "vector.weight" in self.weights:
            summed = self._linear(hidden, "query").unsqueeze(2) + keys.unsqueeze(1)  # [B, T, S, K]
            scores = self._linear(summed.tanh(), "vector").squeeze(-1)
        else:
            scores = hidden @ keys.transpose(0, 2, 1) * config.hidden_size**-0.5
        weights = scores.apply("Softmax", axis=-1)  # [B, T, S]
        if coverage is not None:
            graph.output((coverage + weights.squeeze(1)).name, "new_coverage", "float32", *sizes)
        context = weights @ encoded
        attended = self._linear(context.apply("Concat", hidden, axis=-1), "attended").tanh()
        logits = attended.linear(*readout)
        if not config.copy:
            return logits
        gate = self._linear(attended.apply("Concat", vectors, axis=-1), "gate")
        written = logits.apply("LogSoftmax", axis=-1) - (-gate).softplus()
        source = graph.add("Unsqueeze", graph.input("source", "int64", *sizes), graph.integers(1))
        places = graph.add("Expand", source, graph.add("Shape", weights.name))
        zeros = graph.add("ConstantOfShape", graph.add("Shape", logits.name))
        copied = Value(graph, graph.add("ScatterElements", zeros, places, weights.name, axis=2, reduction="add"))
        from_source = copied.apply("Max", SMALLEST).apply("Log") - gate.softplus()
        distance = (written - from_source).apply("Abs")
        return written.apply("Max", from_source) + (-distance).softplus()  # the logarithm of the sum

    def _linear(self, inputs: Value, name: str) -> Value:
        return inputs.linear(self.weights[f"{name}.weight"], self.weights.get(f"{name}.bias"))
