"""Find the recurrent layers among weights, from their names and shapes as torch gives them. Reads no file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
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
class RecurrentLayer:
    """names: part (weight_ih, ...) -> name in the file."""

    cell: str
    input_size: int
    hidden_size: int
    names: Mapping[str, str]

    @property
    def gates(self) -> int:
        """The number of its gates."""
        return next(gates for gates, cell in CELLS.items() if cell == self.cell)


def recurrent_layers(shapes: Shapes, options: Mapping[str, Any]) -> list[RecurrentLayer]:
    """The recurrent layers from the bottom up, each checked against the one below it.

    options: the table [weights] of a map. Raises UsageError if there are none, or they do not fit each other.
    """
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
        parts = modules.setdefault(match["module"].rstrip("."), {}).setdefault(int(match["layer"] or 0), {})
        parts[match["part"]] = name
    if not modules:
        is_transformer = any(map(ATTENTION.search, shapes))
        found = ", but attention, as in transformers, which are not imported" if is_transformer else ""
        raise UsageError(
            f"no nn.RNN, nn.LSTM or nn.GRU found (no weight_ih_l0 and weight_hh_l0){found}; "
            f"the file has {listed(shapes)}"
        )
    layers = [
        _checked_layer(shapes, layer)
        for module in _ordered_modules(modules, options)
        for layer in _complete_layers(modules[module], module)
    ]
    for below, layer in pairwise(layers):
        if (layer.cell, layer.input_size) != (below.cell, below.hidden_size):
            raise UsageError(
                f"{layer.names['weight_ih']} is of a {layer.cell} layer with {layer.input_size} inputs, but the layer "
                f"below is {below.cell} with {below.hidden_size} units; the layers of a model must fit each other"
            )
    return layers


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


def _checked_layer(shapes: Shapes, layer: Mapping[str, str]) -> RecurrentLayer:
    """A layer, after a check of its shapes."""
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
    return RecurrentLayer(CELLS[gates], weight_ih[1], weight_hh[1], layer)


def listed(shapes: Shapes) -> str:
    """The first names and shapes, for a message."""
    shown = [f"{name} {list(shape)}" for name, shape in shapes.items()]
    return ", ".join(shown[:MAX_NAMES]) + (f" and {len(shown) - MAX_NAMES} more" if len(shown) > MAX_NAMES else "")
