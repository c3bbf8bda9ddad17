"""The parts of a leaf, or of another array of a model, that are looked at one by one: its layers, or all of it."""

from __future__ import annotations

from seqshell.inspect.addresses import unit_text

MAX_LAYERS = 8  # rows of a leaf that are looked at one by one; more are positions or channels, not layers


def parts_of(name: str, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    """The address of each part and its index, for an array of this shape without batch and time."""
    if len(shape) >= 2 and shape[0] <= MAX_LAYERS:
        return {unit_text(name, (layer,)): (layer,) for layer in range(shape[0])}
    return {name: ()}
