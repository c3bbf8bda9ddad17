"""The parts of a saved session as tensors, and back: the leaves of many snapshots, and JSON."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import CheckpointError
from seqshell.core.growth import Grown, growth_axis


def stacked(name: str, leaves: Sequence[Any]) -> dict[str, NDArray[Any]]:
    """One leaf [1, ...] of many snapshots as tensors; what several of them share is stored once."""
    if any(isinstance(leaf, Grown) for leaf in leaves):
        return _stacked_parts(name, leaves)
    different = list({id(leaf): leaf for leaf in leaves}.values())
    tensors = {}
    if len(different) < len(leaves):
        places = {id(leaf): place for place, leaf in enumerate(different)}
        tensors[f"{name}.of"] = np.array([places[id(leaf)] for leaf in leaves], np.int64)
    if len({leaf.shape for leaf in different}) == 1:
        tensors[name] = _as_real(np.concatenate(different))
    else:
        tensors |= _flat(name, different)
    return tensors


def _stacked_parts(name: str, leaves: Sequence[Any]) -> dict[str, NDArray[Any]]:
    """Leaves that grow: each is what it adds to the earlier one that it continues, if any."""
    places: dict[int, int] = {}
    parts, before, axes = [], [], []
    axis = next(leaf.axis for leaf in leaves if isinstance(leaf, Grown))
    for place, leaf in enumerate(leaves):
        grown = leaf if isinstance(leaf, Grown) else Grown(None, leaf, axis)
        earlier = next((each for each in grown.back() if id(each) in places), None)
        parts.append(grown.after(earlier))
        before.append(places[id(earlier)] if earlier is not None else -1)
        axes.append(grown.axis)
        if isinstance(leaf, Grown):
            places.setdefault(id(leaf), place)
    return {**_flat(name, parts), f"{name}.before": np.array(before), f"{name}.axis": np.array(axes)}


def _flat(name: str, leaves: Sequence[NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Leaves of several shapes as one flat tensor, and their shapes."""
    return {
        name: _as_real(np.concatenate([leaf.ravel() for leaf in leaves])),
        f"{name}.shapes": np.array([leaf.shape for leaf in leaves], np.int64),
    }


def unstacked(
    name: str, tensors: Mapping[str, NDArray[Any]], like: Sequence[NDArray[Any]], *, grows: bool = False
) -> list[Any]:
    """One leaf of every snapshot; what was shared is shared again.

    like: for each snapshot, the leaf as the model makes it, for its shape and dtype; if the state grows, at its start.
    """
    together = _as_kind(tensors[name], like[0].dtype)
    if together.dtype != like[0].dtype or np.isnan(together).any():
        raise CheckpointError(f"{name} has no numbers of the type {like[0].dtype}, or NaN among them")
    shapes, count = tensors.get(f"{name}.shapes"), len(like)
    if shapes is None:
        different = [together[row : row + 1].copy() for row in range(len(together))]
    else:
        ends = np.cumsum(shapes.prod(1))
        parts = np.split(together, ends[:-1])
        different = [part.reshape(shape).copy() for part, shape in zip(parts, shapes, strict=True)]
    if f"{name}.before" in tensors:
        return _continued(name, different, tensors[f"{name}.before"], tensors[f"{name}.axis"], like)
    places = tensors.get(f"{name}.of", np.arange(len(different)))
    if len(places) != count or (count and not 0 <= places.min() <= places.max() < len(different)):
        raise CheckpointError(f"{name} does not have {count} rows")
    for place, leaf in zip(places, like, strict=True):
        found = different[place].shape
        if shapes is None and found != leaf.shape and not (grows and growth_axis(leaf.shape, found)):
            raise CheckpointError(f"{name} has the shape {found}, and the model's is {leaf.shape}")
    return [different[place] for place in places]


def _continued(
    name: str, parts: list[NDArray[Any]], before: NDArray[Any], axes: NDArray[Any], like: Sequence[NDArray[Any]]
) -> list[Grown]:
    """Leaves that grow, from what each adds to the one that it continues."""
    found: list[Grown] = []
    for part, earlier, axis, leaf in zip(parts, before.tolist(), axes.tolist(), like, strict=True):
        if not (part.ndim == leaf.ndim > axis > 0 and -1 <= earlier < len(found)):
            raise CheckpointError(f"{name} does not continue what is before it")
        if np.delete(part.shape, axis).tolist() != np.delete(leaf.shape, axis).tolist():
            raise CheckpointError(f"{name} has the shape {part.shape}, and the model's is {leaf.shape}")
        found.append(Grown(found[earlier] if earlier >= 0 else None, part, axis))
    return found


def _as_real(array: NDArray[Any]) -> NDArray[Any]:
    """Complex numbers as pairs [..., 2], which the format of the file has; others as they are."""
    return np.stack((array.real, array.imag), -1) if array.dtype.kind == "c" else array


def _as_kind(array: NDArray[Any], kind: np.dtype[Any]) -> NDArray[Any]:
    """The array of complex numbers that `_as_real` wrote, if `kind` is complex; others as they are."""
    if kind.kind != "c" or array.shape[-1:] != (2,) or array.dtype != np.zeros(0, kind).real.dtype:
        return array
    return np.ascontiguousarray(array).view(kind)[..., 0]


def as_tensor(value: Any) -> NDArray[np.uint8]:
    """JSON in a tensor, because it may be too large for a header; arrays as `plain` writes them."""
    return np.frombuffer(json.dumps(value, default=plain).encode(), np.uint8)


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
