"""The parts of a saved session as tensors, and back: the leaves of many snapshots, and JSON."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import CheckpointError


def stacked(name: str, leaves: list[NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """One leaf [1, ...] of many snapshots as tensors; an array that several of them share is stored once."""
    different = list({id(leaf): leaf for leaf in leaves}.values())
    tensors = {}
    if len(different) < len(leaves):
        places = {id(leaf): place for place, leaf in enumerate(different)}
        tensors[f"{name}.of"] = np.array([places[id(leaf)] for leaf in leaves], np.int64)
    if len({leaf.shape for leaf in different}) == 1:
        tensors[name] = np.concatenate(different)
    else:
        tensors[name] = np.concatenate([leaf.ravel() for leaf in different])
        tensors[f"{name}.shapes"] = np.array([leaf.shape for leaf in different], np.int64)
    return tensors


def unstacked(name: str, tensors: Mapping[str, NDArray[Any]], like: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
    """One leaf of every snapshot; arrays that were shared are shared again.

    like: for each snapshot, the leaf as the model makes it, for its shape and dtype.
    """
    together = tensors[name]
    if together.dtype != like[0].dtype or np.isnan(together).any():
        raise CheckpointError(f"{name} has no numbers of the type {like[0].dtype}, or NaN among them")
    shapes, count = tensors.get(f"{name}.shapes"), len(like)
    if shapes is None:
        different = [together[row : row + 1].copy() for row in range(len(together))]
    else:
        ends = np.cumsum(shapes.prod(1))
        parts = np.split(together, ends[:-1])
        different = [part.reshape(shape).copy() for part, shape in zip(parts, shapes, strict=True)]
    places = tensors.get(f"{name}.of", np.arange(len(different)))
    if len(places) != count or (count and not 0 <= places.min() <= places.max() < len(different)):
        raise CheckpointError(f"{name} does not have {count} rows")
    for place, leaf in zip(places, like, strict=True):
        if shapes is None and different[place].shape != leaf.shape:
            raise CheckpointError(f"{name} has the shape {different[place].shape}, and the model's is {leaf.shape}")
    return [different[place] for place in places]


def as_tensor(value: Any) -> NDArray[np.uint8]:
    """JSON in a tensor, because it may be too large for a header."""
    return np.frombuffer(json.dumps(value).encode(), np.uint8)


def plain(value: Any) -> Any:
    """Arrays and numpy's numbers as JSON; for `json.dumps(default=...)`."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return {
            "array": [
                value.dtype.name,
                list(value.shape),
                base64.b64encode(np.ascontiguousarray(value).tobytes()).decode(),
            ]
        }
    raise TypeError(type(value).__name__)


def array_of(value: dict[str, Any]) -> Any:
    """The array that `plain` wrote as JSON; other objects as they are. For `json.loads(object_hook=...)`."""
    if value.keys() == {"array"} and isinstance(value["array"], list) and len(value["array"]) == 3:
        kind, shape, data = value["array"]
        return np.frombuffer(base64.b64decode(data), np.dtype(kind)).reshape(shape).copy()
    return value
