"""Find the architecture of a state_dict from its names and shapes, and match its weights to those of the architecture.

`recurrent_layers` finds the recurrent weights by torch's names for them, this module the embedding and the read-out by
their shapes. Reads no file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seqshell import UsageError
from seqshell_importers.recurrent_layers import RecurrentLayer, Shapes, listed, recurrent_layers


@dataclass(frozen=True)
class WeightMatch:
    """The architecture and its config; names: weight of the architecture -> weight in the file; shapes: of all weights
    of the architecture. Weights that the file does not have are zeros, and smaller ones are padded with zeros.
    """

    architecture: str
    config: Mapping[str, Any]
    names: Mapping[str, str]
    shapes: Shapes

    @property
    def text(self) -> str:
        """The architecture with its config."""
        return f"{self.architecture} with {', '.join(f'{key}={value}' for key, value in self.config.items())}"


@dataclass(frozen=True)
class _OuterLayers:
    """Names in the file. embedding: None if tokens are one-hot; bias: of the read-out, if it has one."""

    embedding: str | None
    readout: str
    bias: str | None


def match_weights(shapes: Shapes, options: Mapping[str, Any], are_equal: Callable[[str, str], bool]) -> WeightMatch:
    """Match all weights of a file to an architecture. Raises UsageError if a part is missing, left over or ambiguous.

    shapes: of every weight, by name; options: the table [weights] of a map; are_equal: whether two weights are equal.
    """
    for entry in options.get("ignore", ()):
        if not any(_belongs(name, entry) for name in shapes):
            raise UsageError(_not_found(shapes, entry, "ignore"))
    shapes = {
        name: shape
        for name, shape in shapes.items()
        if not any(_belongs(name, entry) for entry in options.get("ignore", ()))
    }
    layers = recurrent_layers(shapes, options)
    names = {
        f"recurrent.{index}.{part}_l0": name for index, layer in enumerate(layers) for part, name in layer.names.items()
    }
    rest = {name: shape for name, shape in shapes.items() if name not in names.values()}
    outer = _outer_layers(rest, layers, options, are_equal)
    is_tied = outer.embedding is not None and (
        outer.embedding == outer.readout or are_equal(outer.embedding, outer.readout)
    )
    if outer.embedding is not None:
        names["embedding.weight"] = outer.embedding
    if not is_tied:
        names["readout.weight"] = outer.readout
    if outer.bias is not None:
        names["readout.bias"] = outer.bias
    return _matched(layers, names, rest[outer.readout][0], is_tied=is_tied)


def _matched(
    layers: Sequence[RecurrentLayer], names: Mapping[str, str], vocab_size: int, *, is_tied: bool
) -> WeightMatch:
    """The match of layers whose sizes may differ: all but a smaller last one get the largest size."""
    cell, gates, size, last = layers[0].cell, layers[0].gates, max(layer.hidden_size for layer in layers), layers[-1]
    input_size = layers[0].input_size
    config = {
        "vocab_size": vocab_size,
        "embed_size": input_size if "embedding.weight" in names else 0,
        "hidden_size": size,
        "num_layers": len(layers),
        **({"output_size": last.hidden_size} if last.hidden_size < size else {}),
        "tied": is_tied,
        **({"nonlinearity": "tanh"} if cell == "rnn" else {}),  # torch's default; the weights do not show it
    }
    wanted: dict[str, tuple[int, ...]] = {}
    for index in range(len(layers)):
        units = last.hidden_size if index == len(layers) - 1 else size
        inputs = size if index else input_size
        wanted |= {
            f"recurrent.{index}.weight_ih_l0": (gates * units, inputs),
            f"recurrent.{index}.weight_hh_l0": (gates * units, units),
            f"recurrent.{index}.bias_ih_l0": (gates * units,),
            f"recurrent.{index}.bias_hh_l0": (gates * units,),
        }
    if "embedding.weight" in names:
        wanted["embedding.weight"] = (vocab_size, input_size)
    if not is_tied:
        wanted["readout.weight"] = (vocab_size, last.hidden_size)
    return WeightMatch(cell, config, names, {**wanted, "readout.bias": (vocab_size,)})


def _outer_layers(
    rest: Shapes, layers: Sequence[RecurrentLayer], options: Mapping[str, Any], are_equal: Callable[[str, str], bool]
) -> _OuterLayers:
    """The embedding and read-out: the only choice that uses every remaining weight; copies of a matrix are one weight.

    Raises UsageError if there is no such choice, or more than one.
    """

    def is_copy(name: str, other: str | None) -> bool:
        return name == other or (other is not None and rest[name] == rest[other] and are_equal(name, other))

    candidates = list(_candidates(rest, layers, options))
    unused = [
        {
            name
            for name in rest
            if name != outer.bias and not is_copy(name, outer.embedding) and not is_copy(name, outer.readout)
        }
        for outer in candidates
    ]
    complete = [outer for outer, names in zip(candidates, unused, strict=True) if not names]
    first = complete[0] if complete else None
    if first is not None and all(
        is_copy(other.readout, first.readout)
        and (other.bias, other.embedding is None) == (first.bias, first.embedding is None)
        and (other.embedding is None or is_copy(other.embedding, first.embedding))
        for other in complete
    ):
        return first
    if complete:
        raise UsageError(
            f"the shapes of {listed(rest)} do not show which is the embedding and which the read-out; "
            "name them in a map, with [weights] embedding and readout"
        )
    if candidates:
        fewest = min(unused, key=len)
        shown = listed({name: rest[name] for name in sorted(fewest)})
        raise UsageError(
            f"the nearest architecture, {layers[0].cell}, has no part for {shown}; "
            "leave such weights out in a map, with [weights] ignore = [...]"
        )
    raise UsageError(
        f"the nearest architecture is {layers[0].cell}: besides its layers, it needs an embedding "
        f"[V, {layers[0].input_size}] (none if tokens are one-hot) and a read-out [V, {layers[-1].hidden_size}], "
        f"with V tokens each; the file has {listed(rest) or 'nothing else'}"
    )


def _candidates(rest: Shapes, layers: Sequence[RecurrentLayer], options: Mapping[str, Any]) -> Iterator[_OuterLayers]:
    """Every embedding and read-out that the shapes and the map allow, whatever weights they leave over."""
    matrices = [name for name, shape in rest.items() if len(shape) == 2 and 0 not in shape]
    named = {
        key: _weight_name(rest, options[key], key)
        for key in ("embedding", "readout")
        if isinstance(options.get(key), str)
    }
    for readout in matrices:
        size, width = rest[readout]
        if width != layers[-1].hidden_size or named.get("readout", readout) != readout:
            continue
        if options.get("embedding") in (None, False) and layers[0].input_size == size:
            yield _OuterLayers(None, readout, _bias(rest, readout))
        for embedding in matrices:
            fits = rest[embedding] == (size, layers[0].input_size) and named.get("embedding", embedding) == embedding
            if not fits or options.get("embedding") is False:
                continue
            if embedding == readout:  # a shared matrix that was saved once: its bias may have either module's name
                vectors = [name for name, shape in rest.items() if shape == (size,)]
                yield _OuterLayers(embedding, readout, vectors[0] if len(vectors) == 1 else _bias(rest, readout))
            elif _bias(rest, embedding) is None:  # an embedding has none
                yield _OuterLayers(embedding, readout, _bias(rest, readout))


def _bias(rest: Shapes, weight: str) -> str | None:
    bias = f"{weight.removesuffix('weight')}bias"
    return bias if rest.get(bias) == rest[weight][:1] else None


def _weight_name(rest: Shapes, entry: str, key: str) -> str:
    """The weight that an entry of a map means, by its own name or its module's."""
    for name in (entry, f"{entry.rstrip('.')}.weight"):
        if name in rest:
            return name
    raise UsageError(_not_found(rest, entry, key))


def _belongs(name: str, entry: str) -> bool:
    return name == entry or name.startswith(f"{entry.rstrip('.')}.")


def _not_found(shapes: Shapes, entry: str, key: str) -> str:
    return f"[weights] {key}: no {entry!r} in the file, which has {listed(shapes)}"
