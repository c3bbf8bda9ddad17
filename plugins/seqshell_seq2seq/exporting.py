"""The encoder-decoders as plain PyTorch and as two ONNX graphs, `encoder` and `step`.

Sources of one batch have one length, without padding.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from seqshell.exporting import Graph, PlainModel, RecurrentLayers, Value, indented
from seqshell.layers import take
from seqshell_seq2seq.config import AttentionConfig, EncoderDecoderConfig, Seq2SeqConfig
from seqshell_seq2seq.exported_attention import ExportedAttention, Layers
from seqshell_seq2seq.exported_encoder import ExportedEncoder

Weights = Mapping[str, NDArray[Any]]
LINEAR = (
    "bridge_hidden",
    "bridge_cell",
    "keys",
    "query",
    "vector",
    "covered",
    "places",
    "combined",
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
    """seq2seq and attention_seq2seq."""
    return _Exported(config, weights).model()


class _Exported:
    """The parts of a translator."""

    def __init__(self, config: EncoderDecoderConfig, weights: Weights) -> None:
        self.config = config
        embed, fed = config.embed_size, 0
        self.encoder = ExportedEncoder(config, weights)
        self.attention = None
        if isinstance(config, AttentionConfig):
            self.attention, fed = ExportedAttention(config, weights), config.extra_size
        elif self.encoder.feeds_context:
            fed = config.encoded_size
        prefixes = [f"decoder.{index}." for index in range(config.num_layers)]
        self.decoder = RecurrentLayers.read(
            config.cell_name, weights, prefixes, input_size=embed + fed, hidden_size=config.hidden_size
        )
        shapes: dict[str, tuple[int, ...]] = {"target_embedding.weight": (config.target_vocab_size, embed)}
        if not config.shared_embedding:
            shapes["source_embedding.weight"] = config.source_vocab_size, embed
        if self.attention is None and config.readout_size != config.read_size:
            shapes["projection.weight"] = config.readout_size, config.read_size
            shapes["projection.bias"] = (config.readout_size,)
        if not config.tied:
            shapes["readout.weight"] = config.target_vocab_size, config.readout_size
        shapes["readout.bias"] = (config.target_vocab_size,)
        self.weights = {name: take(weights, name, *shape) for name, shape in shapes.items()} | self.encoder.weights
        if self.attention is not None:
            self.weights |= self.attention.weights
        self.weights.setdefault("readout.weight", self.weights["target_embedding.weight"])
        self.weights.setdefault("source_embedding.weight", self.weights["target_embedding.weight"])

    def model(self) -> PlainModel:
        """The model without seqshell."""
        weights = {**self.weights, **self.encoder.layers.weights("encoder"), **self.decoder.weights("decoder")}
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
        init += [*self.encoder.layers.init("encoder"), *self.decoder.init("decoder")]
        for name in LINEAR:
            if self._has(name):
                outputs, inputs = self.weights[f"{name}.weight"].shape
                bias = "" if f"{name}.bias" in self.weights else ", bias=False"
                init.append(f"self.{name} = nn.Linear({inputs}, {outputs}{bias})")
        if config.tied:
            init.append("self.readout.weight = self.target_embedding.weight")
        return self.decoder.classes() + CODE.format(
            about=self._about(),
            outputs="log-probabilities" if self.attention and self.attention.config.copy else "logits",
            init=indented(init, 2),
            encode=indented(self._encode(), 2),
            forward=indented(self._forward(), 2),
            vocab_size=config.target_vocab_size,
        )

    def _about(self) -> str:
        if self.attention is not None:
            copies = ", which it may copy" if self.attention.config.copy else ""
            return f"with attention to all tokens of the source{copies}"
        if self.encoder.feeds_context:
            return "that reads one vector of the source at every step"
        return "that knows the last state"

    def _scaled(self, vectors: str) -> str:
        return f"{vectors} * {self.config.embedding_scale!r}" if self.config.scaled_embedding else vectors

    def _encode(self) -> list[str]:
        lines = self.encoder.run(self._scaled("self.source_embedding(source)"))
        state = [self.encoder.state]
        if self.attention is not None:
            lines += [*(self.encoder.copied() if "source" in self.attention.parts else ()), *self.attention.begin()]
            state += self.attention.parts
        elif self.encoder.feeds_context:
            state.append("context")
        return [*lines, f"return {', '.join(state)}"]

    def _forward(self) -> list[str]:
        vectors = self._scaled("self.target_embedding(target)")
        if self.attention is not None:
            state = ", ".join(("state", *self.attention.parts))
            return [f"{state} = state", *self.attention.run(vectors, self._layers), f"return outputs, ({state})"]
        read, state, lines = "hidden", "state", self._layers(vectors)
        if self.encoder.feeds_context:
            state = "(state, context)"
            lines = [
                "state, context = state",
                f"vectors = {vectors}",
                "contexts = context.expand(-1, vectors.shape[1], -1)",
                *self._layers("torch.cat((vectors, contexts), -1)"),
            ]
        if self._reads_all:
            read = "torch.cat((hidden, contexts, vectors), -1)"
        if self._has("projection"):
            read = f"self.projection({read})"
        return [*lines, f"return self.readout({read}), {state}"]

    def _layers(self, inputs: str) -> list[str]:
        return self.decoder.run("decoder", inputs)

    @property
    def _reads_all(self) -> bool:
        return isinstance(self.config, Seq2SeqConfig) and self.config.readout_inputs == "all"

    # ONNX

    def _embedded(self, graph: Graph, tokens: str, side: str) -> Value:
        vectors = graph.add("Gather", graph.constant(self.weights[f"{side}_embedding.weight"]), tokens)
        return Value(graph, vectors) * self.config.embedding_scale

    def _state_sizes(self) -> tuple[int, str, int]:
        return self.config.num_layers, "batch", self.config.hidden_size

    def _encoder_graph(self) -> Graph:
        """source [B, S] to the first state of the decoder, and what it reads at each step."""
        graph = Graph("encoder", "The encoder of a translator.")
        source = self.encoder.read_source(graph, graph.input("source", "int64", "batch", "length"))
        encoded, state, context = self.encoder.add_to(graph, self._embedded(graph, source, "source").name)
        for name, part in zip(self.encoder.names, state, strict=True):
            graph.output(part.name, name, "float32", *self._state_sizes())
        if context is not None:
            graph.output(context.name, "context", "float32", "batch", 1, self.config.encoded_size)
        if self.attention is not None:
            self.attention.add_parts(graph, encoded)
        return graph

    def _step_graph(self) -> Graph:
        """target [B, T] and the state to logits [B, T, V] and the state."""
        config, graph = self.config, Graph("step", "The decoder of a translator.")
        time = 1 if self.attention is not None and self.attention.steps else "time"
        target = graph.input("target", "int64", "batch", time)
        states = [graph.input(name, "float32", *self._state_sizes()) for name in self.encoder.names]
        vectors = self._embedded(graph, target, "target")

        def layers(inputs: Value) -> Value:
            hidden, after = self.decoder.add_to(graph, inputs.name, states)
            for name, part in zip(self.encoder.names, after, strict=True):
                graph.output(part, f"new_{name}", "float32", *self._state_sizes())
            return Value(graph, hidden)

        def source() -> str:
            return self.encoder.copied_source(graph, graph.input("source", "int64", "batch", "length"))

        readout = self.weights["readout.weight"], self.weights["readout.bias"]
        if self.attention is not None:
            logits = self.attention.add_to(vectors, Value(graph, states[0]), layers, source, readout)
        else:
            logits = self._read(vectors, layers).linear(*readout)
        graph.output(logits.name, "logits", "float32", "batch", time, config.target_vocab_size)
        return graph

    def _read(self, vectors: Value, layers: Layers) -> Value:
        """What the read-out of seq2seq reads, [B, T, R]. layers: as in `ExportedAttention.add_to`."""
        graph = vectors.graph
        if self.encoder.feeds_context:
            context = graph.input("context", "float32", "batch", 1, self.config.encoded_size)
            steps = graph.add("Shape", vectors.name, start=1, end=2)
            sizes = graph.add("Concat", graph.integers(1), steps, graph.integers(1), axis=0)
            contexts = Value(graph, graph.add("Expand", context, sizes))
            hidden = layers(vectors.apply("Concat", contexts, axis=-1))
            read = hidden.apply("Concat", contexts, vectors, axis=-1) if self._reads_all else hidden
        else:
            read = layers(vectors)
        if not self._has("projection"):
            return read
        return read.linear(self.weights["projection.weight"], self.weights["projection.bias"])
