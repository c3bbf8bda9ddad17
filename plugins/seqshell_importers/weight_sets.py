"""Find the weights in a file of torch or safetensors: those of a state_dict or of a whole module, wherever they are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from seqshell import CheckpointError, Record, StoredTensor, UsageError, weights_of
from seqshell_importers.recurrent_layers import RECURRENT

MAX_DEPTH = 4  # of containers and objects around the weights
MAX_VISITED = 100_000  # containers and objects
RAW = re.compile(r"(?P<module>.*\.)?(?P<weight>weight_hh_l\d{1,3})_raw")  # as weight dropout renames recurrent weights


class Weight(Protocol):
    """A tensor of a file. kind: the format of its numbers, such as float32."""

    shape: tuple[int, ...]
    kind: str

    @property
    def is_float(self) -> bool:
        """Whether its numbers are floats."""

    def numpy(self) -> NDArray[Any]:
        """Its numbers."""


class _FromSafetensors:
    """A tensor that safetensors has read."""

    def __init__(self, tensor: Any) -> None:
        self._tensor = tensor
        self.shape, self.kind = tuple(tensor.shape), str(tensor.dtype).removeprefix("torch.")
        self.is_float = tensor.is_floating_point()

    def numpy(self) -> NDArray[Any]:
        found: NDArray[Any] = (self._tensor.float() if self.is_float else self._tensor).numpy()
        return found


def read_safetensors(path: Path) -> dict[str, Weight]:
    """The tensors of a file by name."""
    from safetensors import safe_open

    try:
        with safe_open(path, "pt") as file:  # with torch, because numpy has no bfloat16
            return {name: _FromSafetensors(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118  # no mapping
    except Exception as error:  # safetensors raises several classes for damaged files
        reason = " ".join(str(error).split())[:200]
        raise CheckpointError(f"{path.name}: not a readable safetensors file: {reason}") from None


def chosen_weights(loaded: Any, inside: str | None = None) -> dict[str, Weight]:
    """The weights in a loaded file: the only ones of recurrent layers in it, or those at the path `inside`.

    Recurrent weights that weight dropout has renamed have their plain names. Raises UsageError if there are several,
    and CheckpointError if there are none.
    """
    sets = {path: weights for path, weights in _weight_sets(loaded) if inside in (None, path)}
    recurrent = {path: weights for path, weights in sets.items() if any(map(RECURRENT.fullmatch, weights))}
    chosen = recurrent or sets
    if len(chosen) > 1:
        choices = " or ".join(map(repr, chosen))
        raise UsageError(f"several entries contain weights; choose one in a map, [weights] inside = {choices}")
    if not chosen:
        raise CheckpointError(
            f"no weights by name found{f' in {inside!r}' if inside else ''}; "
            "save them with torch.save(model.state_dict(), ...)"
        )
    return next(iter(chosen.values()))


def _weight_sets(loaded: Any) -> Iterator[tuple[str, dict[str, Weight]]]:
    """Yield the path of each set of weights, the outermost ones, and its weights."""
    waiting: list[tuple[str, Any, int]] = [("", loaded, 0)]
    known: set[int] = set()
    while waiting and len(known) < MAX_VISITED:
        path, value, depth = waiting.pop(0)
        if id(value) in known:
            continue
        known.add(id(value))
        if weights := _weights_in(value):
            yield path, weights
        elif depth < MAX_DEPTH:
            waiting += [(f"{path}.{name}" if path else name, part, depth + 1) for name, part in _parts_of(value)]


def _parts_of(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the containers and objects in a container or an object, by name."""
    if isinstance(value, Record):
        value = {**value.fields, **{str(key): entry for key, entry in value.entries.items()}}
    pairs = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list | tuple) else ()
    yield from ((str(key), part) for key, part in pairs if isinstance(part, Record | Mapping | list | tuple))


def _weights_in(value: Any) -> dict[str, Weight]:
    """The weights of a state_dict or of a whole module."""
    found = weights_of(value) if isinstance(value, Record) else value
    items = found.items() if isinstance(found, Mapping) else ()
    return _with_plain_names(
        {
            name: weight
            for name, weight in items
            if isinstance(name, str) and isinstance(weight, StoredTensor | _FromSafetensors)
        }
    )


def _with_plain_names(weights: dict[str, Weight]) -> dict[str, Weight]:
    """Weights under their names without weight dropout, which keeps a weight as `NAME_raw` beside one that is dropped.

    AWD-LSTM has rnns.0.module.weight_hh_l0_raw, and fastai 0.rnns.0.weight_hh_l0_raw beside 0.rnns.0.module.
    """
    plain = {name: weight for name, weight in weights.items() if not RAW.fullmatch(name)}
    for name, weight in weights.items():
        if match := RAW.fullmatch(name):
            module, part = match["module"] or "", match["weight"]
            inner = f"{module}module."
            plain[(inner if any(other.startswith(inner) for other in weights) else module) + part] = weight
    return plain


def are_equal(tensors: Mapping[str, Weight], one: str, other: str) -> bool:
    """True if two weights of the file are equal: a shared matrix may be stored under both of its names."""
    first, second = tensors[one], tensors[other]
    return first.is_float and second.is_float and np.array_equal(first.numpy(), second.numpy())


def records_in(loaded: Any) -> Iterator[Record]:
    """Yield the objects of a file, modules and others."""
    waiting, known = [loaded], set[int]()
    while waiting and len(known) < MAX_VISITED:
        each = waiting.pop()
        if id(each) in known:
            continue
        known.add(id(each))
        if isinstance(each, Record):
            yield each
            waiting += each.fields.values()
        elif isinstance(each, Mapping | list | tuple):
            waiting += each.values() if isinstance(each, Mapping) else each
