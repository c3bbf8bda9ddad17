"""The taggers as plain PyTorch and as ONNX graphs, for whole texts: from tokens [B, T] to logits [B, T, C]."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from seqshell.exporting import Graph, PlainModel, RecurrentLayers
from seqshell.layers import take
from seqshell_tagger.config import CELLS, TaggerConfig

Weights = Mapping[str, NDArray[Any]]
CODE = '''\
class Model(nn.Module):
    """A tagger. The tag of a word is that of its last token."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding({vocab_size}, {embed_size})
        {recurrent}
        self.readout = nn.Linear({size}, {num_classes})

    def forward(self, tokens):
        """tokens: [B, T] int64, texts of one length, without padding. Returns logits [B, T, {num_classes}]."""
        hidden, _ = self.recurrent(self.embedding(tokens))
        return self.readout(hidden)
'''
EXAMPLE = """\
tokens = encode(" ".join(words))
logits = model(torch.tensor([tokens]))
for token, tag in zip(tokens, logits[0].argmax(-1).tolist(), strict=True):
    print(f"{decode(token)!r}  {ABOUT['labels'][tag]}")
"""


def export_tagger(config: TaggerConfig, weights: Weights) -> PlainModel:
    """tagger: layers in reading order."""
    prefixes = [f"recurrent.{index}." for index in range(config.num_layers)]
    cell, size, hidden_size = CELLS[config.cell], config.embed_size, config.hidden_size
    layers = RecurrentLayers.read(cell, weights, prefixes, input_size=size, hidden_size=hidden_size)
    return _exported(config, weights, layers)


def export_bidirectional(config: TaggerConfig, weights: Weights) -> PlainModel:
    """bidirectional_tagger: layers in both directions."""
    prefixes = [f"recurrent.{index}." for index in range(config.num_layers)]
    cell, size, hidden_size = CELLS[config.cell], config.embed_size, config.hidden_size
    layers = RecurrentLayers.read_bidirectional(cell, weights, prefixes, input_size=size, hidden_size=hidden_size)
    return _exported(config, weights, layers)


def _exported(config: TaggerConfig, weights: Weights, layers: RecurrentLayers) -> PlainModel:
    embedding = take(weights, "embedding.weight", config.vocab_size, config.embed_size)
    size = config.hidden_size * (2 if layers.backward else 1)
    readout = take(weights, "readout.weight", config.num_classes, size)
    bias = take(weights, "readout.bias", config.num_classes)
    (recurrent,) = layers.init("recurrent")
    code = CODE.format(
        vocab_size=config.vocab_size,
        embed_size=config.embed_size,
        recurrent=recurrent,
        size=size,
        num_classes=config.num_classes,
    )

    def graph() -> Graph:
        graph = Graph("tagger", "A tagger. The tag of a word is that of its last token.")
        tokens = graph.input("tokens", "int64", "batch", "time")
        hidden, _ = layers.add_to(graph, graph.add("Gather", graph.constant(embedding), tokens))
        logits = graph.add("Add", graph.add("MatMul", hidden, graph.constant(readout.T)), graph.constant(bias))
        graph.output(logits, "logits", "float32", "batch", "time", config.num_classes)
        return graph

    named = {"embedding.weight": embedding, "readout.weight": readout, "readout.bias": bias}
    return PlainModel(code, {**named, **layers.weights("recurrent")}, EXAMPLE, {"": graph})
