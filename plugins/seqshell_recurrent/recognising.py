"""Which weight of a foreign state_dict is which, found by torch's names of recurrent weights and by the shapes of all others. Reads no file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from seqshell import UsageError

Shapes = Mapping[str, tuple[int, ...]]

RECURRENT = re.compile(
    r"(?P<module>(?:.*\.)?)(?P<part>weight_ih|weight_hh|bias_ih|bias_hh|weight_hr)(?:_l(?P<layer>\d{1,3}))?(?P<reverse>_reverse)?"
)
CELLS = {1: "rnn", 3: "gru", 4: "lstm"}  # by the number of gates, whose weights lie below one another
SHOWN = 6  # names in a message


@dataclass(frozen=True)
class Found:
    """architecture, config: ours. names: our weight -> theirs. zeros: our weights that they have none for -> their shapes."""

    architecture: str
    config: Mapping[str, Any]
    names: Mapping[str, str]
    zeros: Shapes


@dataclass(frozen=True)
class _Stack:
    """The recurrent layers. layers: part -> name in the file, for each layer."""

    cell: str
    input_size: int
    hidden_size: int
    layers: tuple[Mapping[str, str], ...]


@dataclass(frozen=True)
class _Ends:
    """What stands below and above the recurrent layers. embedding: None where tokens are one-hot."""

    embedding: str | None
    readout: str
    bias: str | None


def recognise(shapes: Shapes, wanted: Mapping[str, Any], same: Callable[[str, str], bool]) -> Found:
    """shapes: of every weight by name. wanted: the table [weights] of a map. same: whether two weights are equal. UsageError says what is missing."""
    ignored = [entry for entry in wanted.get("ignore", ()) if not _of(shapes, entry)]
    if ignored:
        raise UsageError(_no_such(shapes, ignored[0], "ignore"))
    shapes = {
        name: shape
        for name, shape in shapes.items()
        if not any(_belongs(name, entry) for entry in wanted.get("ignore", ()))
    }
    stack = _stack(shapes, wanted)
    names = {
        f"recurrent.{index}.{part}_l0": name for index, layer in enumerate(stack.layers) for part, name in layer.items()
    }
    rest = {name: shape for name, shape in shapes.items() if name not in names.values()}
    ends = _ends(rest, stack, wanted, same)
    vocab_size = rest[ends.readout][0]
    is_tied = ends.embedding == ends.readout or (ends.embedding is not None and same(ends.embedding, ends.readout))
    if ends.embedding is not None:
        names["embedding.weight"] = ends.embedding
    if not is_tied:
        names["readout.weight"] = ends.readout
    if ends.bias is not None:
        names["readout.bias"] = ends.bias
    gates = next(gates for gates, cell in CELLS.items() if cell == stack.cell)
    biases = {
        f"recurrent.{index}.bias_{part}_l0": (gates * stack.hidden_size,)
        for index in range(len(stack.layers))
        for part in ("ih", "hh")
    }
    config = {
        "vocab_size": vocab_size,
        "embed_size": 0 if ends.embedding is None else stack.input_size,
        "hidden_size": stack.hidden_size,
        "num_layers": len(stack.layers),
        "tied": is_tied,
        **({"nonlinearity": "tanh"} if stack.cell == "rnn" else {}),  # nn.RNN's own; the weights do not show it
    }
    zeros = {name: shape for name, shape in {**biases, "readout.bias": (vocab_size,)}.items() if name not in names}
    return Found(stack.cell, config, names, zeros)


def _stack(shapes: Shapes, wanted: Mapping[str, Any]) -> _Stack:
    """The recurrent layers from the bottom up, each checked against the one below it."""
    modules: dict[str, dict[int, dict[str, str]]] = {}
    for name in shapes:
        match = RECURRENT.fullmatch(name)
        if match is None:
            continue
        if match["reverse"]:
            raise UsageError(
                f"{name} reads backwards: a model that reads in both directions cannot write, and is not imported"
            )
        if match["part"] == "weight_hr":
            raise UsageError(
                f"{name} is a projection (proj_size of nn.LSTM), which the architecture lstm does not have"
            )
        layers = modules.setdefault(match["module"].rstrip("."), {})
        layers.setdefault(int(match["layer"] or 0), {})[match["part"]] = name
    if not modules:
        raise UsageError(
            f"it holds no nn.RNN, nn.LSTM or nn.GRU (no weight_ih_l0 and weight_hh_l0); it holds {_listed(shapes)}"
        )
    found = [layer for module in _chosen(modules, wanted) for layer in _whole(modules[module], module)]
    sizes = [_cell(shapes, layer) for layer in found]
    cell, read, hidden_size = sizes[0]
    for (kind, size, hidden), layer in list(zip(sizes, found, strict=True))[1:]:
        if (kind, size, hidden) != (cell, hidden_size, hidden_size):
            raise UsageError(
                f"{layer['weight_ih']} is of a {kind} from {size} to {hidden} numbers, and the layers below it are {cell} of {hidden_size}; "
                "all layers of a model are alike"
            )
    return _Stack(cell, read, hidden_size, tuple(found))


def _chosen(modules: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """The modules that hold the layers, from the bottom up: those of the map, the only one, or those that differ in one number alone."""
    named = wanted.get("recurrent")
    if named is not None:
        chosen = [named] if isinstance(named, str) else named
        chosen = [each.rstrip(".") for each in chosen]
        for each in chosen:
            if each not in modules:
                raise UsageError(
                    f"[weights] recurrent: {each!r} is no recurrent module of it; there is {', '.join(map(repr, sorted(modules)))}"
                )
        return chosen
    if len({re.sub(r"\d+", "#", module) for module in modules}) > 1:
        names = ", ".join(map(repr, sorted(modules)))
        raise UsageError(
            f"it holds several recurrent modules: [weights] recurrent = [{names}] says which, from the bottom up"
        )
    return sorted(modules, key=lambda module: [int(number) for number in re.findall(r"\d+", module)])


def _whole(layers: Mapping[int, Mapping[str, str]], module: str) -> list[Mapping[str, str]]:
    for index in range(max(layers) + 1):
        for part in ("weight_ih", "weight_hh"):
            if part not in layers.get(index, {}):
                raise UsageError(f"the layer {index} of {module!r} has no {part}_l{index}")
    return [layers[index] for index in sorted(layers)]


def _cell(shapes: Shapes, layer: Mapping[str, str]) -> tuple[str, int, int]:
    """What a layer is, how many numbers it reads and how many units it has."""
    entering, recurrent = shapes[layer["weight_ih"]], shapes[layer["weight_hh"]]
    if len(entering) != 2 or len(recurrent) != 2 or 0 in (*entering, *recurrent) or entering[0] != recurrent[0]:
        raise UsageError(
            f"{layer['weight_ih']} {list(entering)} and {layer['weight_hh']} {list(recurrent)} are no weights of one recurrent layer"
        )
    gates, rest = divmod(recurrent[0], recurrent[1])
    if rest or gates not in CELLS:
        raise UsageError(
            f"{layer['weight_hh']} {list(recurrent)} is of no nn.RNN, nn.LSTM or nn.GRU: 1, 4 or 3 times as many rows as columns"
        )
    for part in ("bias_ih", "bias_hh"):
        if part in layer and shapes[layer[part]] != recurrent[:1]:
            raise UsageError(
                f"{layer[part]} {list(shapes[layer[part]])} does not fit {layer['weight_hh']} {list(recurrent)}"
            )
    return CELLS[gates], entering[1], recurrent[1]


def _ends(rest: Shapes, stack: _Stack, wanted: Mapping[str, Any], same: Callable[[str, str], bool]) -> _Ends:
    """Embedding and read-out: the one way to use every weight that is left. UsageError when there is none, or more than one."""
    readings = [
        ends for ends in _readings(rest, stack, wanted) if not set(rest) - {ends.embedding, ends.readout, ends.bias}
    ]
    if len(readings) == 2 and len(rest) == 2 and same(*rest):  # one matrix under two names
        return readings[0]
    if len(readings) == 1:
        return readings[0]
    needs = (
        f"an embedding [V, {stack.input_size}] (none where tokens are one-hot) and a read-out [V, {stack.hidden_size}]"
    )
    if readings:
        raise UsageError(
            f"by their shapes, {_listed(rest)} may be one or the other: [weights] embedding and readout of a map say which"
        )
    partly = list(_readings(rest, stack, wanted))
    if partly:
        left = min((set(rest) - {ends.embedding, ends.readout, ends.bias} for ends in partly), key=len)
        shown = _listed({name: rest[name] for name in sorted(left)})
        raise UsageError(
            f"no part of a language model of {stack.cell} layers is {shown}; [weights] ignore = [...] of a map leaves weights out"
        )
    raise UsageError(
        f"besides its {stack.cell} layers it needs {needs}, V tokens each; it holds {_listed(rest) or 'nothing else'}"
    )


def _readings(rest: Shapes, stack: _Stack, wanted: Mapping[str, Any]) -> Iterator[_Ends]:
    """Every embedding and read-out that the shapes and the map allow, whatever else is left over."""
    matrices = [name for name, shape in rest.items() if len(shape) == 2 and 0 not in shape]
    named = {
        key: _named(rest, wanted[key], key) for key in ("embedding", "readout") if isinstance(wanted.get(key), str)
    }
    for readout in matrices:
        size, width = rest[readout]
        if width != stack.hidden_size or named.get("readout", readout) != readout:
            continue
        if wanted.get("embedding") in (None, False) and stack.input_size == size:
            yield _Ends(None, readout, _bias(rest, readout))
        for embedding in matrices:
            fits = rest[embedding] == (size, stack.input_size) and named.get("embedding", embedding) == embedding
            if not fits or wanted.get("embedding") is False:
                continue
            if embedding == readout:  # a shared matrix that was saved once: its bias goes by either name
                vectors = [name for name, shape in rest.items() if shape == (size,)]
                yield _Ends(embedding, readout, vectors[0] if len(vectors) == 1 else _bias(rest, readout))
            elif _bias(rest, embedding) is None:  # an embedding has none
                yield _Ends(embedding, readout, _bias(rest, readout))


def _bias(rest: Shapes, weight: str) -> str | None:
    bias = f"{weight.removesuffix('weight')}bias"
    return bias if rest.get(bias) == rest[weight][:1] else None


def _named(rest: Shapes, entry: str, key: str) -> str:
    """The weight that a map means by its name or its module's."""
    found = next((name for name in (entry, f"{entry.rstrip('.')}.weight") if name in rest), None)
    if found is None:
        raise UsageError(_no_such(rest, entry, key))
    return found


def _of(shapes: Shapes, entry: str) -> list[str]:
    return [name for name in shapes if _belongs(name, entry)]


def _belongs(name: str, entry: str) -> bool:
    return name == entry or name.startswith(f"{entry.rstrip('.')}.")


def _no_such(shapes: Shapes, entry: str, key: str) -> str:
    return f"[weights] {key}: it holds no {entry!r}; it holds {_listed(shapes)}"


def _listed(shapes: Shapes) -> str:
    shown = [f"{name} {list(shape)}" for name, shape in shapes.items()]
    return ", ".join(shown[:SHOWN]) + (f" and {len(shown) - SHOWN} more" if len(shown) > SHOWN else "")
