"""Find the architecture of a state_dict from its names and shapes, and match its weights to those of the architecture.

Recurrent weights are found by torch's names for them, the embedding and the read-out by their shapes. Reads no file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from seqshell import UsageError

Shapes = Mapping[str, tuple[int, ...]]

RECURRENT = re.compile(
    r"(?P<module>(?:.*\.)?)(?P<part>weight_ih|weight_hh|bias_ih|bias_hh|weight_hr)"
    r"(?:_l(?P<layer>\d{1,3}))?(?P<reverse>_reverse)?"
)
CELLS = {1: "rnn", 3: "gru", 4: "lstm"}  # by the number of gates, which torch stacks in one matrix
ATTENTION = re.compile(r"(^|[._])(self_)?att(n|ention)", re.IGNORECASE)
ENCODER, DECODER = (re.compile(rf"(^|[._]){name}", re.IGNORECASE) for name in ("enc", "dec"))  # in names of modules
MAX_NAMES = 6  # in a message


@dataclass(frozen=True)
class WeightMatch:
    """The architecture and its config; names: weight of the architecture -> weight in the file; zeros: weights of the
    architecture that the file does not have -> their shapes."""

    architecture: str
    config: Mapping[str, Any]
    names: Mapping[str, str]
    zeros: Shapes


@dataclass(frozen=True)
class _RecurrentLayers:
    """layers: for each layer, part (weight_ih, ...) -> name in the file."""

    cell: str
    input_size: int
    hidden_size: int
    layers: tuple[Mapping[str, str], ...]


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
    recurrent = _recurrent_layers(shapes, options)
    names = {
        f"recurrent.{index}.{part}_l0": name
        for index, layer in enumerate(recurrent.layers)
        for part, name in layer.items()
    }
    rest = {name: shape for name, shape in shapes.items() if name not in names.values()}
    outer = _outer_layers(rest, recurrent, options, are_equal)
    vocab_size = rest[outer.readout][0]
    is_tied = outer.embedding is not None and (
        outer.embedding == outer.readout or are_equal(outer.embedding, outer.readout)
    )
    if outer.embedding is not None:
        names["embedding.weight"] = outer.embedding
    if not is_tied:
        names["readout.weight"] = outer.readout
    if outer.bias is not None:
        names["readout.bias"] = outer.bias
    gates = next(gates for gates, cell in CELLS.items() if cell == recurrent.cell)
    biases = {
        f"recurrent.{index}.bias_{part}_l0": (gates * recurrent.hidden_size,)
        for index in range(len(recurrent.layers))
        for part in ("ih", "hh")
    }
    config = {
        "vocab_size": vocab_size,
        "embed_size": 0 if outer.embedding is None else recurrent.input_size,
        "hidden_size": recurrent.hidden_size,
        "num_layers": len(recurrent.layers),
        "tied": is_tied,
        **({"nonlinearity": "tanh"} if recurrent.cell == "rnn" else {}),  # torch's default; the weights do not show it
    }
    zeros = {name: shape for name, shape in {**biases, "readout.bias": (vocab_size,)}.items() if name not in names}
    return WeightMatch(recurrent.cell, config, names, zeros)


def _recurrent_layers(shapes: Shapes, options: Mapping[str, Any]) -> _RecurrentLayers:
    """The recurrent layers from the bottom up, each checked against the one below it."""
    modules: dict[str, dict[int, dict[str, str]]] = {}
    for name in shapes:
        match = RECURRENT.fullmatch(name)
        if match is None:
            continue
        if match["reverse"]:
            raise UsageError(
                f"{name} belongs to a bidirectional layer; bidirectional models cannot generate and are not imported"
            )
        if match["part"] == "weight_hr":
            raise UsageError(
                f"{name} is a projection (proj_size of nn.LSTM), which the architecture lstm does not support"
            )
        layers = modules.setdefault(match["module"].rstrip("."), {})
        layers.setdefault(int(match["layer"] or 0), {})[match["part"]] = name
    if not modules:
        is_transformer = any(map(ATTENTION.search, shapes))
        found = ", but attention, as in transformers, which are not imported" if is_transformer else ""
        raise UsageError(
            f"no nn.RNN, nn.LSTM or nn.GRU found (no weight_ih_l0 and weight_hh_l0){found}; "
            f"the file has {_listed(shapes)}"
        )
    stacked = [
        layer for module in _ordered_modules(modules, options) for layer in _complete_layers(modules[module], module)
    ]
    sizes = [_cell_and_sizes(shapes, layer) for layer in stacked]
    cell, input_size, hidden_size = sizes[0]
    for (other, size, units), layer in list(zip(sizes, stacked, strict=True))[1:]:
        if (other, size, units) != (cell, hidden_size, hidden_size):
            raise UsageError(
                f"{layer['weight_ih']} is of a {other} layer with {size} inputs and {units} units, "
                f"but the layers below are {cell} layers with {hidden_size} units; all layers of a model must be alike"
            )
    return _RecurrentLayers(cell, input_size, hidden_size, tuple(stacked))


def _ordered_modules(modules: Mapping[str, Any], options: Mapping[str, Any]) -> list[str]:
    """The recurrent modules from the bottom up: those that the map names, else all, if they differ only in a number."""
    named = options.get("recurrent")
    if named is not None:
        chosen = [name.rstrip(".") for name in ([named] if isinstance(named, str) else named)]
        for name in chosen:
            if name not in modules:
                raise UsageError(
                    f"[weights] recurrent: {name!r} is not a recurrent module of the file; "
                    f"available: {', '.join(map(repr, sorted(modules)))}"
                )
        return chosen
    if len({re.sub(r"\d+", "#", module) for module in modules}) > 1:
        names = ", ".join(map(repr, sorted(modules)))
        if all(any(part.search(module) for module in modules) for part in (ENCODER, DECODER)):
            raise UsageError(
                f"the file has an encoder and a decoder ({names}): encoder-decoders, which translate, are not imported "
                "yet, only language models; seqshell train SOURCE TARGET trains one"
            )
        raise UsageError(
            f"several recurrent modules found; name those of the model in a map, from the bottom up: "
            f"[weights] recurrent = [{names}]"
        )
    return sorted(modules, key=lambda module: [int(number) for number in re.findall(r"\d+", module)])


def _complete_layers(layers: Mapping[int, Mapping[str, str]], module: str) -> list[Mapping[str, str]]:
    for index in range(max(layers) + 1):
        for part in ("weight_ih", "weight_hh"):
            if part not in layers.get(index, {}):
                raise UsageError(f"layer {index} of {module!r} has no {part}_l{index}")
    return [layers[index] for index in sorted(layers)]


def _cell_and_sizes(shapes: Shapes, layer: Mapping[str, str]) -> tuple[str, int, int]:
    """The cell of a layer, the number of its inputs and the number of its units."""
    weight_ih, weight_hh = shapes[layer["weight_ih"]], shapes[layer["weight_hh"]]
    if len(weight_ih) != 2 or len(weight_hh) != 2 or 0 in (*weight_ih, *weight_hh) or weight_ih[0] != weight_hh[0]:
        raise UsageError(
            f"{layer['weight_ih']} {list(weight_ih)} and {layer['weight_hh']} {list(weight_hh)} "
            "are not the weights of one recurrent layer"
        )
    gates, rest = divmod(weight_hh[0], weight_hh[1])
    if rest or gates not in CELLS:
        raise UsageError(
            f"{layer['weight_hh']} {list(weight_hh)} is not of an nn.RNN, nn.LSTM or nn.GRU: "
            "these have 1, 4 or 3 times as many rows as columns"
        )
    for part in ("bias_ih", "bias_hh"):
        if part in layer and shapes[layer[part]] != weight_hh[:1]:
            raise UsageError(
                f"{layer[part]} {list(shapes[layer[part]])} does not fit {layer['weight_hh']} {list(weight_hh)}"
            )
    return CELLS[gates], weight_ih[1], weight_hh[1]


def _outer_layers(
    rest: Shapes, recurrent: _RecurrentLayers, options: Mapping[str, Any], are_equal: Callable[[str, str], bool]
) -> _OuterLayers:
    """The embedding and read-out: the only choice that uses every remaining weight.

    Raises UsageError if there is no such choice, or more than one.
    """
    candidates = list(_candidates(rest, recurrent, options))
    unused = [set(rest) - {outer.embedding, outer.readout, outer.bias} for outer in candidates]
    complete = [outer for outer, names in zip(candidates, unused, strict=True) if not names]
    is_one_matrix = len(complete) == 2 and len(rest) == 2 and are_equal(*rest)  # stored under two names
    if len(complete) == 1 or is_one_matrix:
        return complete[0]
    if complete:
        raise UsageError(
            f"the shapes of {_listed(rest)} do not show which is the embedding and which the read-out; "
            "name them in a map, with [weights] embedding and readout"
        )
    if candidates:
        fewest = min(unused, key=len)
        shown = _listed({name: rest[name] for name in sorted(fewest)})
        raise UsageError(
            f"a language model of {recurrent.cell} layers has no part for {shown}; "
            "leave such weights out in a map, with [weights] ignore = [...]"
        )
    raise UsageError(
        f"besides its {recurrent.cell} layers, the model needs an embedding [V, {recurrent.input_size}] "
        f"(none if tokens are one-hot) and a read-out [V, {recurrent.hidden_size}], with V tokens each; "
        f"the file has {_listed(rest) or 'nothing else'}"
    )


def _candidates(rest: Shapes, recurrent: _RecurrentLayers, options: Mapping[str, Any]) -> Iterator[_OuterLayers]:
    """Every embedding and read-out that the shapes and the map allow, whatever weights they leave over."""
    matrices = [name for name, shape in rest.items() if len(shape) == 2 and 0 not in shape]
    named = {
        key: _weight_name(rest, options[key], key)
        for key in ("embedding", "readout")
        if isinstance(options.get(key), str)
    }
    for readout in matrices:
        size, width = rest[readout]
        if width != recurrent.hidden_size or named.get("readout", readout) != readout:
            continue
        if options.get("embedding") in (None, False) and recurrent.input_size == size:
            yield _OuterLayers(None, readout, _bias(rest, readout))
        for embedding in matrices:
            fits = rest[embedding] == (size, recurrent.input_size) and named.get("embedding", embedding) == embedding
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
    return f"[weights] {key}: no {entry!r} in the file, which has {_listed(shapes)}"


def _listed(shapes: Shapes) -> str:
    shown = [f"{name} {list(shape)}" for name, shape in shapes.items()]
    return ", ".join(shown[:MAX_NAMES]) + (f" and {len(shown) - MAX_NAMES} more" if len(shown) > MAX_NAMES else "")
