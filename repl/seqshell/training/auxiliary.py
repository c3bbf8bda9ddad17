"""Losses that a module adds to that of its task, such as a penalty on its attention.

They are those of the module's method `auxiliary`, see `seqshell.core.model.SequenceModel`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from seqshell.core.model import own_method
from seqshell.core.names import NAME
from seqshell.core.plugin_guard import Guard, owner_of
from seqshell.training.progress import LOSS

PARAMETERS = ("outputs", "targets", "mask")


def has_auxiliary(module: Any) -> bool:
    """True if a module has auxiliary losses."""
    return own_method(module, "auxiliary", *PARAMETERS) is not None


def auxiliary_losses(module: Any, outputs: Tensor, targets: Tensor, mask: Tensor) -> dict[str, Tensor]:
    """The auxiliary losses of a batch by name, scalars with gradient; none if the module has none.

    outputs, targets: as the task's loss reads them. mask: bool, True where there is a target. Each loss is a mean over
    the targets, as the task's own is, so that batches of different sizes can be accumulated.
    Raises PluginError for a result of another kind.
    """
    method = own_method(module, "auxiliary", *PARAMETERS)
    if method is None:
        return {}
    owner = owner_of(type(module))
    guard = Guard(f"the model {type(module).__name__}{owner.suffix}", owner, "failed in auxiliary")
    found: Any = guard.call(method, outputs.float(), targets, mask)
    try:
        if not isinstance(found, Mapping):
            raise ValueError(f"it returned {type(found).__name__} instead of losses by name")
        return {_checked_name(name): _mean(name, loss, mask) for name, loss in found.items()}
    except ValueError as error:
        raise guard.error(f"has an invalid auxiliary: {error}", by=method) from None


def _checked_name(name: Any) -> str:
    if not isinstance(name, str) or not NAME.fullmatch(name) or name == LOSS:
        raise ValueError(f"{name!r:.40} cannot be the name of a loss")
    return name


def _mean(name: str, loss: Any, mask: Tensor) -> Tensor:
    """The mean of the losses [...] of all targets, or the mean itself."""
    if not isinstance(loss, Tensor):
        raise ValueError(f"the loss {name} is {type(loss).__name__} instead of a tensor")
    if loss.shape == mask.shape and mask.ndim:
        return torch.where(mask, loss.float(), 0.0).sum() / mask.sum()
    if loss.ndim:
        shape, expected = list(loss.shape), list(mask.shape)
        raise ValueError(f"the loss {name} has the shape {shape}; it must be a scalar, or {expected} as the mask")
    return loss.float()
