"""What a torch module must have and return; a WrongReturn says what it is instead, and names the method. Imports torch.

Checked where modules of plugins enter seqshell: in training, in `plugins check` and, after a failure, while they run.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from seqshell.core.plugin_guard import WrongReturn
from seqshell.core.state import State, leaves
from seqshell.core.state_checks import batch_trouble, called, leaf_trouble, structure_trouble

METHODS = {  # of a module, and how they are called
    "initial_state": "initial_state(batch_size) -> state",
    "forward": "forward(inputs, state) -> outputs, state",
    "encode": "encode(source, lengths) -> state",
}


def check_methods(module: Any, names: Iterable[str], task: str) -> None:
    """Raise WrongReturn unless the module has these methods of METHODS."""
    for name in names:
        if not callable(getattr(module, name, None)):
            raise WrongReturn(f"an architecture for the task {task} needs the method {METHODS[name]}", type(module))


def check_state(state: State, by: Any, batch_size: int | None = None) -> State:
    """The state, after a check of its leaves. by: the method that returned it. batch_size: None if it is unknown."""
    name = by.__name__
    if trouble := leaf_trouble(state, lambda leaf: isinstance(leaf, Tensor), "a tensor"):
        raise WrongReturn(f"{name} must return {trouble}", by)
    # In mixed precision, torch makes such a state of any module.
    if any(leaf.dtype == torch.bfloat16 and not torch.is_autocast_enabled(leaf.device.type) for leaf in leaves(state)):
        raise WrongReturn(f"{name} must return a state that is not bfloat16: numpy has no such type", by)
    if batch_size is not None and (trouble := batch_trouble(state, batch_size)):
        raise WrongReturn(f"{name} must return {trouble}", by)
    return state


def check_pair(
    found: Any, by: Any, before: State = None, batch_size: int | None = None, what: str = "the outputs"
) -> tuple[Any, State]:
    """The outputs and the state that a method returned, after a check. before: the state that it was given, if any."""
    name = by.__name__
    if not isinstance(found, tuple) or len(found) != 2:
        seen = f"{len(found)} values" if isinstance(found, tuple) else called(found)
        raise WrongReturn(f"{name} must return two values, {what} and the new state, not {seen}", by)
    outputs, state = found
    if not isinstance(outputs, Tensor):
        raise WrongReturn(f"{name} must return {what} as a tensor, not {called(outputs)}", by)
    check_state(state, by, batch_size)
    if before is not None and (trouble := structure_trouble(state, before)):
        raise WrongReturn(f"{name} must return {trouble}", by)
    return outputs, state


def check_outputs(outputs: Tensor, shape: tuple[int | None, ...], by: Any) -> None:
    """Raise WrongReturn unless outputs have this shape. None: any size."""
    seen = tuple(outputs.shape)
    if len(seen) != len(shape) or any(size not in (None, own) for own, size in zip(seen, shape, strict=True)):
        expected = ", ".join("any" if size is None else str(size) for size in shape)
        raise WrongReturn(f"{by.__name__} must return outputs [{expected}], not {list(seen)}", by)
