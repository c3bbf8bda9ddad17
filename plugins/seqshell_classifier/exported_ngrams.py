"""What n-grams add to the logits of an exported classifier: `ngram_features` and `linear_ngrams` for whole texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell import CheckpointError
from seqshell.exporting import Graph
from seqshell.layers import hashing, take
from seqshell_classifier import ngram_keys
from seqshell_classifier.config import ClassifierConfig
from seqshell_classifier.ngram_keys import BEGIN, END, NONE

Weights = Mapping[str, NDArray[Any]]
NGRAMS = """\
# The weights of all n-grams of up to {size} tokens, by their hash.
padded = functional.pad(tokens, ({before}, 0), value=-1)
hashed, indices = 1, []
for back in range({size}):
    hashed = (hashed + padded[:, {before} - back : padded.shape[1] - back] + 2) * {multiplier} % {modulus}
    indices.append(hashed % {slots})
indices = torch.stack(indices, -1)  # [B, T, n]
logits = logits + self.inside(indices).sum((1, 2)) / tokens.shape[1] ** 0.5 + self.ending(indices[:, -1]).sum(1)
"""
LINEAR = """\
# A linear model of all n-grams of up to {size} tokens, -1 before the text and -2 after it among them.
line = functional.pad(functional.pad(tokens, (0, 1), value={end}), ({before}, 0), value={begin})
key, keys = 0, []
for back in range({size}):
    key = (key + line[:, {before} - back : line.shape[1] - back] + 3) * {multiplier} % {modulus}
    begun = line[:, {size} - back : line.shape[1] - back + 1] != {begin} if back else torch.ones_like(key) > 0
    keys.append(key.masked_fill(~begun, {none}))
keys[0][:, -1] = {none}
keys = torch.cat(keys, 1)
{distinct}places = torch.searchsorted(self.keys, keys).clamp(max=len(self.keys) - 1)
known = (self.keys[places] == keys) & (keys != {none})
sums = (self.weights[places] * known.unsqueeze(-1)).sum(1)
logits = logits + sums / known.sum(1, keepdim=True).clamp(min=1).sqrt() + self.bias
"""
DISTINCT = """\
keys = keys.sort(1)[0]  # each n-gram of a text counts once
keys[:, 1:] = keys[:, 1:].masked_fill(keys[:, 1:] == keys[:, :-1], {none})
"""


class ExportedNgrams:
    """The part of `ngram_features`."""

    def __init__(self, config: ClassifierConfig, weights: Weights) -> None:
        shape = config.ngram_slots, config.num_classes
        self.size, self.slots = config.ngrams, config.ngram_slots
        self.inside, self.ending = (take(weights, f"wide.{name}.weight", *shape) for name in ("inside", "ending"))

    def weights(self) -> dict[str, NDArray[Any]]:
        """The entries of the state_dict."""
        return {"inside.weight": self.inside, "ending.weight": self.ending}

    def init(self) -> list[str]:
        """The lines of __init__."""
        return [f"self.{name} = nn.Embedding({self.slots}, {self.inside.shape[1]})" for name in ("inside", "ending")]

    def run(self) -> list[str]:
        """The lines that add to `logits`, given `tokens`."""
        code = NGRAMS.format(
            size=self.size,
            before=self.size - 1,
            multiplier=hashing.MULTIPLIER,
            modulus=hashing.MODULUS,
            slots=self.slots,
        )
        return code.splitlines()

    def add_to(self, graph: Graph, tokens: str) -> str:
        """The logits that it adds, [B, C]."""
        padded, length = _padded(graph, tokens, self.size - 1, -1)
        hashed, indices = graph.integers(1), []
        for back in range(self.size):
            window = _window(graph, padded, length, self.size - 1 - back)
            hashed = _hashed(graph, hashed, window, 2, hashing.MULTIPLIER, hashing.MODULUS)
            indices.append(graph.add("Mod", hashed, graph.integers(self.slots)))
        stacked = graph.add("Concat", *(graph.add("Unsqueeze", each, graph.integers(2)) for each in indices), axis=2)
        inside = graph.add("Gather", graph.constant(self.inside), stacked)  # [B, T, n, C]
        total = graph.add("ReduceSum", inside, graph.integers(1, 2), keepdims=0)
        root = graph.add("Sqrt", graph.add("Cast", length, to=1))
        last = graph.add("Gather", stacked, graph.constant(-1, "int64"), axis=1)  # [B, n]
        ending = graph.add("Gather", graph.constant(self.ending), last)
        added = graph.add("ReduceSum", ending, graph.integers(1), keepdims=0)
        return graph.add("Add", graph.add("Div", total, root), added)


class ExportedLinear:
    """The part of `linear_ngrams`."""

    def __init__(self, config: ClassifierConfig, weights: Weights, *, distinct: bool) -> None:
        self.size, self.distinct = config.linear_ngrams, distinct
        keys = weights.get("linear.keys")
        if keys is None or keys.ndim != 1 or not len(keys):
            raise CheckpointError("the checkpoint lacks the tensor linear.keys")
        self.keys = keys.astype(np.int64)
        self.table = take(weights, "linear.weights", len(keys), config.num_classes)
        self.bias = take(weights, "linear.bias", config.num_classes)

    def weights(self) -> dict[str, NDArray[Any]]:
        """The entries of the state_dict."""
        return {"keys": self.keys, "weights": self.table, "bias": self.bias}

    def init(self) -> list[str]:
        """The lines of __init__."""
        count, classes = self.table.shape
        return [
            f'self.register_buffer("keys", torch.zeros({count}, dtype=torch.int64))',
            f'self.register_buffer("weights", torch.zeros({count}, {classes}))',
            f'self.register_buffer("bias", torch.zeros({classes}))',
        ]

    def run(self) -> list[str]:
        """The lines that add to `logits`, given `tokens`."""
        numbers: dict[str, Any] = {
            "size": self.size,
            "before": self.size - 1,
            "begin": BEGIN,
            "end": END,
            "none": NONE,
            "multiplier": ngram_keys.MULTIPLIER,
            "modulus": ngram_keys.MODULUS,
        }
        distinct = DISTINCT.format(none=NONE) if self.distinct else ""
        return LINEAR.format(**numbers, distinct=distinct).splitlines()

    def add_to(self, graph: Graph, tokens: str) -> str:
        """The logits that it adds, [B, C]."""
        keys = self._keys(graph, tokens)
        if self.distinct:
            keys = self._once(graph, keys)
        # The row of each key; that after the last is zero and stands for unknown keys.
        rows = {int(key): row for row, key in enumerate(self.keys) if key != NONE}
        places = graph.add(
            "LabelEncoder",
            keys,
            keys_int64s=[*rows, NONE - 1],  # never empty
            values_int64s=[*rows.values(), len(self.keys)],
            default_int64=len(self.keys),
        )
        table = graph.constant(np.concatenate([self.table, np.zeros((1, self.table.shape[1]))]))
        sums = graph.add("ReduceSum", graph.add("Gather", table, places), graph.integers(1), keepdims=0)
        known = graph.add("Less", places, graph.integers(len(self.keys)))
        count = graph.add("ReduceSum", graph.add("Cast", known, to=1), graph.integers(1), keepdims=1)
        root = graph.add("Sqrt", graph.add("Max", count, graph.constant(1.0)))
        return graph.add("Add", graph.add("Div", sums, root), graph.constant(self.bias))

    def _keys(self, graph: Graph, tokens: str) -> str:
        """The keys of all n-grams of each text, [B, K]."""
        ended, _ = _padded(graph, tokens, 0, END, after=1)
        line, length = _padded(graph, ended, self.size - 1, BEGIN)
        none, begin = graph.constant(NONE, "int64"), graph.constant(BEGIN, "int64")
        key, keys = graph.integers(0), []
        for back in range(self.size):
            window = _window(graph, line, length, self.size - 1 - back)
            key = _hashed(graph, key, window, 3, ngram_keys.MULTIPLIER, ngram_keys.MODULUS)
            if back:
                outside = graph.add("Equal", _window(graph, line, length, self.size - back), begin)
                keys.append(graph.add("Where", outside, none, key))
            else:  # END alone is no n-gram
                alone = graph.add("Equal", window, graph.constant(END, "int64"))
                keys.append(graph.add("Where", alone, none, key))
        return graph.add("Concat", *keys, axis=1)

    def _once(self, graph: Graph, keys: str) -> str:
        """Keys in order, with NONE in place of each that is there already."""
        size = graph.add("Shape", keys, start=1, end=2)
        ordered, _ = graph.add_many("TopK", 2, keys, size, largest=0)
        first, end, axis = graph.integers(1), graph.integers(2**31), graph.integers(1)
        later = graph.add("Slice", ordered, first, end, axis)
        earlier = graph.add("Slice", ordered, graph.integers(0), graph.integers(-1), axis)
        once = graph.add("Where", graph.add("Equal", later, earlier), graph.constant(NONE, "int64"), later)
        start = graph.add("Slice", ordered, graph.integers(0), first, axis)
        return graph.add("Concat", start, once, axis=1)


def _padded(graph: Graph, tokens: str, before: int, value: int, after: int = 0) -> tuple[str, str]:
    """Tokens [B, T] with `value` before and after each row, and T, [1]."""
    sides, filled = graph.integers(0, before, 0, after), graph.constant(value, "int64")
    return graph.add("Pad", tokens, sides, filled), graph.add("Shape", tokens, start=1, end=2)


def _window(graph: Graph, line: str, length: str, start: int) -> str:
    """`length` tokens of each row, from a place on."""
    first = graph.integers(start)
    return graph.add("Slice", line, first, graph.add("Add", first, length), graph.integers(1))


def _hashed(graph: Graph, before: str, tokens: str, shift: int, multiplier: int, modulus: int) -> str:
    moved = graph.add("Add", graph.add("Add", before, tokens), graph.integers(shift))
    return graph.add("Mod", graph.add("Mul", moved, graph.integers(multiplier)), graph.integers(modulus))
