"""The classifiers as plain PyTorch and as ONNX graphs, for whole texts: from tokens [B, T] to logits [B, C]."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from seqshell.exporting import Graph, PlainModel, RecurrentLayers, indented
from seqshell.layers import take
from seqshell_classifier.config import ClassifierConfig
from seqshell_classifier.exported_ngrams import ExportedLinear, ExportedNgrams
from seqshell_classifier.states import MAX_SCORE

Weights = Mapping[str, NDArray[Any]]
CODE = '''\
{classes}class Model(nn.Module):
    """{about}"""

    def __init__(self):
        super().__init__()
{init}

    def forward(self, tokens):
        """tokens: [B, T] int64, texts of one length, without padding. Returns logits [B, {num_classes}]."""
{forward}
'''
EXAMPLE = """\
logits = model(torch.tensor([encode(" ".join(words))]))
for label, share in zip(ABOUT["labels"], logits[0].softmax(-1).tolist(), strict=True):
    print(f"{share:7.2%}  {label}")
"""
SCORES = f"(torch.tanh(hidden) @ self.attention).clamp({-MAX_SCORE}, {MAX_SCORE})"
POOLED = {
    "mean": "hidden.mean(1)",
    "max": "hidden.amax(1)",
    "attention": f"({SCORES}.softmax(1).unsqueeze(1) @ hidden).squeeze(1)",
}


def export_classifier(config: ClassifierConfig, weights: Weights) -> PlainModel:
    """classifier: layers in reading order."""
    size, hidden_size = config.embed_size, config.hidden_size
    prefixes = [f"recurrent.{index}." for index in range(config.num_layers)]
    layers = RecurrentLayers.read(config.kind, weights, prefixes, input_size=size, hidden_size=hidden_size)
    return _Exported(config, weights, layers).model()


def export_bidirectional(config: ClassifierConfig, weights: Weights) -> PlainModel:
    """bidirectional_classifier: layers in both directions."""
    prefixes = [f"recurrent.{index}." for index in range(config.num_layers)]
    sizes = {"input_size": config.embed_size, "hidden_size": config.hidden_size}
    layers = RecurrentLayers.read_bidirectional(config.kind, weights, prefixes, **sizes)
    return _Exported(config, weights, layers).model()


class _Exported:
    """A classifier with what is read out beside its recurrent layers."""

    def __init__(self, config: ClassifierConfig, weights: Weights, layers: RecurrentLayers) -> None:
        size = layers.hidden_size * (2 if layers.backward else 1)
        self.config, self.layers = config, layers
        self.embedding = take(weights, "embedding.weight", config.vocab_size, config.embed_size)
        self.readout = take(weights, "readout.weight", config.num_classes, size * len(config.poolings))
        self.bias = take(weights, "readout.bias", config.num_classes)
        self.vector = take(weights, "pools.attention.vector", size) if "attention" in config.poolings else None
        self.parts: list[ExportedNgrams | ExportedLinear] = []
        if config.ngrams:
            self.parts.append(ExportedNgrams(config, weights))
        if config.linear_ngrams:
            self.parts.append(ExportedLinear(config, weights, distinct=bool(layers.backward)))

    def model(self) -> PlainModel:
        """The model without seqshell."""
        weights = {
            "embedding.weight": self.embedding,
            **self.layers.weights("recurrent"),
            "readout.weight": self.readout,
            "readout.bias": self.bias,
            **({} if self.vector is None else {"attention": self.vector}),
        }
        for part in self.parts:
            weights |= part.weights()
        return PlainModel(self._code(), weights, EXAMPLE, {"": self._graph})

    def _about(self) -> str:
        config = self.config
        part = {"head": "the first", "tail": "the last", "both": "half of them from each end, together"}[config.cut]
        cut = f" Of a longer text, seqshell reads {part} {config.max_length} tokens."
        return f"A classifier of texts, with {config.pooling} pooling.{cut if config.max_length else ''}"

    def _code(self) -> str:
        config, layers = self.config, self.layers
        init = [f"self.embedding = nn.Embedding({config.vocab_size}, {config.embed_size})", *layers.init("recurrent")]
        init.append(f"self.readout = nn.Linear({self.readout.shape[1]}, {config.num_classes})")
        if self.vector is not None:
            init.append(f"self.attention = nn.Parameter(torch.zeros({len(self.vector)}))")
        last = "hidden[:, -1]"
        if layers.backward:
            last = f"torch.cat((hidden[:, -1, :{layers.hidden_size}], hidden[:, 0, {layers.hidden_size}:]), -1)"
        pooled = [POOLED.get(kind, last) for kind in config.poolings]
        if layers.is_single:
            forward = ["hidden, _ = self.recurrent(self.embedding(tokens))"]
        else:
            state = f"torch.zeros({config.num_layers}, len(tokens), {layers.hidden_size})"
            forward = [f"inputs, state = self.embedding(tokens), {state}", *layers.run("recurrent")]
        joined = pooled[0] if len(pooled) == 1 else f"torch.cat(({', '.join(pooled)}), -1)"
        forward.append(f"logits = self.readout({joined})")
        for part in self.parts:
            init += part.init()
            forward += part.run()
        return CODE.format(
            classes=layers.classes(),
            about=self._about(),
            init=indented(init, 2),
            forward=indented([*forward, "return logits"], 2),
            num_classes=config.num_classes,
        )

    def _graph(self) -> Graph:
        graph = Graph("classifier", self._about())
        tokens = graph.input("tokens", "int64", "batch", "time")
        inputs = graph.add("Gather", graph.constant(self.embedding), tokens)
        hidden, states = self.layers.add_to(graph, inputs)
        pooled = [self._pooled(graph, kind, hidden, states[0]) for kind in self.config.poolings]
        joined = graph.add("Concat", *pooled, axis=-1)
        logits = graph.add(
            "Add", graph.add("MatMul", joined, graph.constant(self.readout.T)), graph.constant(self.bias)
        )
        for part in self.parts:
            logits = graph.add("Add", logits, part.add_to(graph, tokens))
        graph.output(logits, "logits", "float32", "batch", self.config.num_classes)
        return graph

    def _pooled(self, graph: Graph, kind: str, hidden: str, states: str) -> str:
        """hidden: [B, T, M]; states: [D L, B, H], those of the last layer at the end. Returns [B, M]."""
        time = graph.integers(1)
        if kind in ("mean", "max"):
            return graph.add(f"Reduce{kind.title()}", hidden, time, keepdims=0)
        if kind == "attention":
            vector = graph.constant(self.vector[:, None])  # type: ignore[index]  # there is one with attention
            scores = graph.add("MatMul", graph.add("Tanh", hidden), vector)  # [B, T, 1]
            scores = graph.add("Clip", scores, graph.constant(-MAX_SCORE), graph.constant(MAX_SCORE))
            shares = graph.add("Softmax", scores, axis=1)
            return graph.add("ReduceSum", graph.add("Mul", shares, hidden), time, keepdims=0)
        directions = 2 if self.layers.backward else 1
        last = graph.add("Slice", states, graph.integers(-directions), graph.integers(2**31), graph.integers(0))
        each = graph.add("Transpose", last, perm=[1, 0, 2])  # [B, D, H]
        return graph.add("Reshape", each, graph.integers(0, directions * self.layers.hidden_size))
