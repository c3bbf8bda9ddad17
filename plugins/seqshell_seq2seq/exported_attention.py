"""The decoder of attention_seq2seq, from the embeddings to the outputs, as PyTorch code and in an ONNX graph.

The recurrent layers, the attention to the source, what the read-out reads, and with the setting `copy` the mixture with
what is copied.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from numpy.typing import NDArray

from seqshell.exporting import Graph, Value, indented
from seqshell.layers import take
from seqshell_seq2seq.config import AttentionConfig
from seqshell_seq2seq.copying_decoder import SMALLEST
from seqshell_seq2seq.position_attention import LEAST

Weights = Mapping[str, NDArray[Any]]
Layers = Callable[[Value], Value]
END = 2**31  # of a slice that ends with its axis
COPY = """\
# The gate g, See et al. 2017, equation 8, and log(g P_readout + (1 - g) P_source), that of equation 9
gate = self.gate(torch.cat(({read}, vectors), -1))
written = self.readout({read}).log_softmax(-1)
copied = torch.zeros_like(written).scatter_add(2, source.unsqueeze(1).expand_as(weights), weights)
from_source = functional.logsigmoid(-gate) + copied.clamp_min({smallest:g}).log()
outputs = torch.logaddexp(functional.logsigmoid(gate) + written, from_source)
"""


class ExportedAttention:
    """What attention_seq2seq has beside embeddings, recurrent layers and read-out.

    weights: of its linear layers, by the names that the code gives them.
    """

    def __init__(self, config: AttentionConfig, weights: Weights) -> None:
        self.config = config
        size, encoded, keys, reads = config.hidden_size, config.encoded_size, config.key_size, config.readout_size
        embed, kind = config.embed_size, config.attention
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
        shapes: dict[str, tuple[int, ...]] = {}
        if kind == "position":
            places = config.attention_size
            self.weights["places.weight"] = take(weights, "attention.places.weight", places, embed + size)
            self.weights["places.bias"] = take(weights, "attention.places.bias", places)
            shapes = {"combined.weight": (embed, embed + encoded), "combined.bias": (embed,)}
        if config.readout_inputs == "attentional":
            shapes |= {"attended.weight": (reads, size + encoded), "attended.bias": (reads,)}
        if config.copy:
            shapes |= {"gate.weight": (1, reads + embed), "gate.bias": (1,)}
        if config.coverage_weight:
            shapes["covered.weight"] = keys, 1
        self.weights |= {name: take(weights, name, *shape) for name, shape in shapes.items()}

    @property
    def steps(self) -> bool:
        """Whether a token's outputs depend on the attention of the token before it."""
        return bool(self.config.coverage_weight) or self.config.input_feeding or self.config.placement == "before"

    @property
    def _by_position(self) -> bool:
        return self.config.attention == "position"

    # PyTorch

    @property
    def parts(self) -> list[str]:
        """The names of the state's parts that follow that of the recurrent layers."""
        config = self.config
        chosen = {
            "encoded": True,
            "keys": not self._by_position,
            "source": config.copy,
            "coverage": bool(config.coverage_weight),
            "attended": config.input_feeding,
        }
        return [name for name, is_there in chosen.items() if is_there]

    def begin(self) -> list[str]:
        """The lines that make the `parts` from `source` and `encoded`."""
        lines = []
        if not self._by_position:
            lines.append(f"keys = {'self.keys(encoded)' if 'keys.weight' in self.weights else 'encoded'}")
        if self.config.coverage_weight:
            lines.append("coverage = torch.zeros_like(source, dtype=keys.dtype)")
        if self.config.input_feeding:
            lines.append(f"attended = encoded.new_zeros(len(source), 1, {self.config.readout_size})")
        return lines

    def run(self, vectors: str, layers: Callable[[str], list[str]]) -> list[str]:
        """The lines that compute `outputs` and the next `state` and `parts`.

        vectors: the code of the embeddings; layers: the lines of the recurrent layers, from the code of their inputs.
        """
        config = self.config
        if config.placement == "before":
            last = "state[0][-1:]" if config.cell == "lstm" else "state[-1:]"
            lines = [f"query = {last}.transpose(0, 1)  # [B, 1, {config.hidden_size}]", *self._attend("query")]
            context = "context"
            if self._by_position:
                lines.append("combined = torch.relu(self.combined(torch.cat((vectors, context), -1)))")
                context = "combined"
            lines += layers(f"torch.cat((vectors, {context}), -1)")
        else:
            inputs = "torch.cat((vectors, attended), -1)" if config.input_feeding else "vectors"
            lines = [*layers(inputs), *self._attend("hidden")]
        read = {"attentional": "attended", "hidden": "hidden", "all": "read"}[config.readout_inputs]
        if read == "attended":
            lines.append("attended = torch.tanh(self.attended(torch.cat((context, hidden), -1)))")
        if read == "read":
            lines.append("read = torch.cat((hidden, context, vectors), -1)")
        if config.copy:
            lines += COPY.format(read=read, smallest=SMALLEST).splitlines()
        else:
            lines.append(f"outputs = self.readout({read})")
        if not self.steps:
            return [f"vectors = {vectors}", *lines]
        begin = [f"embedded, rows = {vectors}, []", "for vectors in embedded.split(1, 1):  # one token at a time"]
        inner = indented([*lines, "rows.append(outputs)"], 1).splitlines()
        return [*begin, *inner, "outputs = torch.cat(rows, 1)"]

    def _attend(self, query: str) -> list[str]:
        """The lines that compute `context` and `weights`. query: the name of the states that attend."""
        config = self.config
        if self._by_position:
            lines = [
                f"places = self.places(torch.cat((vectors, {query}), -1)).softmax(-1)  # one for each position",
                "weights = functional.pad(places, (0, encoded.shape[1] - places.shape[2]))  # [B, 1, S]",
                "context = weights @ encoded",
            ]
            normalised = f"weights = weights / weights.sum(-1, keepdim=True).clamp_min({LEAST:g})"
            return [*lines, *[normalised] * config.copy]
        lines, keys = [], "keys"
        if config.coverage_weight:
            keys = "seen"
            lines.append("seen = keys + self.covered(coverage.unsqueeze(-1))  # See et al. 2017, equation 11")
        scores = f"{query} @ {keys}.transpose(1, 2) / {config.hidden_size} ** 0.5"
        if "vector.weight" in self.weights:
            summed = f"self.query({query}).unsqueeze(2) + {keys}.unsqueeze(1)"
            scores = f"self.vector(torch.tanh({summed})).squeeze(-1)"
        lines += [f"scores = {scores}  # [B, {1 if self.steps else 'T'}, S]", "weights = scores.softmax(-1)"]
        if config.coverage_weight:
            lines.append("coverage = coverage + weights.squeeze(1)  # equation 10")
        return [*lines, "context = weights @ encoded"]

    # ONNX

    def add_parts(self, graph: Graph, encoded: Value) -> None:
        """Return the first `parts` but source to the caller, who has it. encoded: [B, S, M]."""
        config, sizes = self.config, ("batch", "read")
        graph.output(encoded.name, "encoded", "float32", *sizes, config.encoded_size)
        if not self._by_position:
            keys = self._linear(encoded, "keys") if "keys.weight" in self.weights else encoded
            graph.output(keys.name, "keys", "float32", *sizes, config.key_size)
        if config.coverage_weight:
            zeros = graph.add("ConstantOfShape", graph.add("Shape", encoded.name, start=0, end=2))
            graph.output(zeros, "coverage", "float32", *sizes)
        if config.input_feeding:
            rows = graph.add("Shape", encoded.name, start=0, end=1)
            shape = graph.add("Concat", rows, graph.integers(1, config.readout_size), axis=0)
            zeros = graph.add("ConstantOfShape", shape)
            graph.output(zeros, "attended", "float32", "batch", 1, config.readout_size)

    def add_to(
        self,
        vectors: Value,
        before: Value,
        layers: Layers,
        copied: Callable[[], str],
        readout: tuple[NDArray[Any], ...],
    ) -> Value:
        """The logits, or with copy the log-probabilities, [B, T, V].

        vectors: [B, T, E]; before: the hidden states [L, B, H] before them; layers: adds the recurrent layers, from
        their inputs to the last hidden state [B, T, H]; copied: adds the source; readout: weights and biases.
        """
        config, graph = self.config, vectors.graph
        encoded = Value(graph, graph.input("encoded", "float32", "batch", "read", config.encoded_size))
        if config.placement == "before":
            query = before.slice(-1, END, axis=0).transpose(1, 0, 2)
            context, weights = self._attention(query, vectors, encoded)
            seen = context
            if self._by_position:
                seen = self._linear(_joined(vectors, context), "combined").apply("Relu")
            hidden = layers(_joined(vectors, seen))
        else:
            inputs = vectors
            if config.input_feeding:
                fed = graph.input("attended", "float32", "batch", 1, config.readout_size)
                inputs = _joined(vectors, Value(graph, fed))
            hidden = layers(inputs)
            context, weights = self._attention(hidden, vectors, encoded)
        read = hidden
        if config.readout_inputs == "attentional":
            read = self._linear(_joined(context, hidden), "attended").tanh()
        if config.readout_inputs == "all":
            read = _joined(hidden, context, vectors)
        if config.input_feeding:
            graph.output(read.name, "new_attended", "float32", "batch", 1, config.readout_size)
        logits = read.linear(*readout)
        if not config.copy:
            return logits
        return self._mixture(logits, self._linear(_joined(read, vectors), "gate"), weights, copied())

    def _attention(self, query: Value, vectors: Value, encoded: Value) -> tuple[Value, Value]:
        """The contexts [B, T, M] and the weights [B, T, S]."""
        config, graph, sizes = self.config, query.graph, ("batch", "read")
        if self._by_position:
            places = self._linear(_joined(vectors, query), "places").apply("Softmax", axis=-1)
            length = graph.add("Shape", encoded.name, start=1, end=2)
            missing = graph.add("Sub", length, graph.integers(config.attention_size))  # negative: some are left out
            pads = graph.add("Concat", graph.integers(0, 0, 0, 0, 0), missing, axis=0)
            weights = Value(graph, graph.add("Pad", places.name, pads))
            return weights @ encoded, weights / weights.sum(-1, keepdims=True).apply("Max", LEAST)
        keys = Value(graph, graph.input("keys", "float32", *sizes, config.key_size))
        coverage = Value(graph, graph.input("coverage", "float32", *sizes)) if config.coverage_weight else None
        if coverage is not None:
            keys = keys + self._linear(coverage.unsqueeze(-1), "covered")
        if "vector.weight" in self.weights:
            summed = self._linear(query, "query").unsqueeze(2) + keys.unsqueeze(1)  # [B, T, S, K]
            scores = self._linear(summed.tanh(), "vector").squeeze(-1)
        else:
            scores = query @ keys.transpose(0, 2, 1) * config.hidden_size**-0.5
        weights = scores.apply("Softmax", axis=-1)
        if coverage is not None:
            graph.output((coverage + weights.squeeze(1)).name, "new_coverage", "float32", *sizes)
        return weights @ encoded, weights

    def _mixture(self, logits: Value, gate: Value, weights: Value, source: str) -> Value:
        """The log-probabilities [B, T, V]. source: [B, S] ids."""
        graph = logits.graph
        written = logits.apply("LogSoftmax", axis=-1) - (-gate).softplus()
        shape = graph.add("Shape", weights.name)
        places = graph.add("Expand", graph.add("Unsqueeze", source, graph.integers(1)), shape)
        zeros = graph.add("ConstantOfShape", graph.add("Shape", logits.name))
        copied = Value(graph, graph.add("ScatterElements", zeros, places, weights.name, axis=2, reduction="add"))
        from_source = copied.apply("Max", SMALLEST).apply("Log") - gate.softplus()
        distance = (written - from_source).apply("Abs")
        return written.apply("Max", from_source) + (-distance).softplus()  # the logarithm of the sum

    def _linear(self, inputs: Value, name: str) -> Value:
        return inputs.linear(self.weights[f"{name}.weight"], self.weights.get(f"{name}.bias"))


def _joined(first: Value, *others: Value) -> Value:
    return first.apply("Concat", *others, axis=-1)
