"""Check what a resume file holds against the training that it should continue, before any of it is used.

A file that was changed is recognised by its checksum. Files of earlier versions have none.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from seqshell.core.growth import growth_axis
from seqshell.core.text_output import brief
from seqshell.training.progress import TrainingProgress
from seqshell.training.weight_update import Optimizer

PRECISIONS = ("", "float32", "bf16")  # none before the first step
NOT_COUNTS = {"order": -1}  # the lowest value of fields of TrainingProgress that may be below 0


class Damage(Exception):
    """What is wrong with a resume file, in words."""


def check_weights(what: str, tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    """Raise Damage unless both have the same names, shapes and types."""
    if tensors.keys() != expected.keys():
        name = min(tensors.keys() ^ expected.keys())
        raise Damage(f"{what} {'lack' if name in expected else 'have an unknown'} {brief(name)}")
    for name, tensor in tensors.items():
        check_tensor(f"{name} of {what}", tensor, expected[name])


def check_tensor(what: str, tensor: Tensor, expected: Tensor) -> None:
    """Raise Damage unless both have the same shape and type."""
    if tensor.shape != expected.shape or tensor.dtype != expected.dtype:
        raise Damage(
            f"{brief(what)} is {list(tensor.shape)} of {tensor.dtype}, not {list(expected.shape)} of {expected.dtype}"
        )


def check_finite(what: str, tensors: Mapping[str, Tensor]) -> None:
    """Raise Damage unless all numbers are finite, as those of weights that were the best are.

    Others may be NaN: training then ends with the best weights.
    """
    for name, tensor in tensors.items():
        if number := int((~torch.isfinite(tensor)).sum()):
            raise Damage(f"{number:,} of the {tensor.numel():,} numbers in {brief(name)} of {what} are NaN or infinite")


def check_moments(kept: Mapping[int, Mapping[str, Tensor]], optimizer: Optimizer) -> None:
    """Raise Damage unless what the optimizer keeps fits its parameters. kept: by number and key."""
    parameters = optimizer.parameters
    for number, tensors in kept.items():
        if number >= len(parameters) or tensors.keys() != optimizer.kept:
            raise Damage(f"the optimizer has other numbers than {', '.join(sorted(optimizer.kept))} for a weight")
        for key, tensor in tensors.items():
            expected = torch.zeros(()) if key == "step" else parameters[number]
            check_tensor(f"{key} of the optimizer", tensor.cpu(), expected.detach().cpu())
            if key in ("step", "exp_avg_sq") and (tensor < 0).any():
                raise Damage(f"{key} of the optimizer is below 0")


def check_gradients(gradients: Mapping[str, Tensor], module: nn.Module) -> None:
    """Raise Damage unless the gradients fit parameters of the module."""
    known = {name: parameter.detach().cpu() for name, parameter in module.named_parameters()}
    check_weights("the gradients", gradients, {name: known[name] for name in gradients if name in known})


def check_state(state: Iterable[Tensor], expected: Iterable[Tensor]) -> None:
    """Raise Damage unless the leaves of a state are like those of the training, or longer along one axis."""
    found, needed = list(state), list(expected)
    if len(found) != len(needed):
        raise Damage(f"its state has {len(found)} tensors, not {len(needed)}")
    for tensor, each in zip(found, needed, strict=True):
        has_grown = growth_axis(each.shape, tensor.shape) is not None
        check_tensor("its state", tensor, tensor.to(each.dtype) if has_grown else each.detach().cpu())


def check_progress(progress: TrainingProgress, num_orders: int) -> None:
    """Raise Damage unless all fields have their types and are possible. num_orders: of the batches."""
    for field in dataclasses.fields(TrainingProgress):
        value = getattr(progress, field.name)
        if field.type == "int" and not (type(value) is int and value >= NOT_COUNTS.get(field.name, 0)):
            raise Damage(f"its {field.name} is {brief(value)}")
        if field.type == "float" and not (type(value) in (int, float) and value >= 0 and math.isfinite(value)):
            raise Damage(f"its {field.name} is {brief(value)}")
    if not isinstance(progress.auxiliary, dict) or not all(map(_is_number, progress.auxiliary.values())):
        raise Damage("its auxiliary losses are no numbers")
    if progress.order >= num_orders or (progress.counted == 0 and progress.summed) or progress.scale == 0:
        raise Damage("its position in the data is impossible")
    best, milestone = progress.best, progress.milestone
    if not isinstance(progress.first_sample, str) or not isinstance(progress.history, list):
        raise Damage("its history is no list")
    if not isinstance(milestone, list) or len(milestone) not in (0, 2) or not all(map(_is_number, milestone)):
        raise Damage("its best losses are no numbers")
    for record in (*progress.history, *([] if best is None else [best])):
        if not isinstance(record, dict) or not (_is_validation(record) or _is_loss(record)):
            raise Damage("a record of its history has neither a loss nor a validation")
    if best is not None and not _is_validation(best):
        raise Damage("its best validation has no numbers")


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and not math.isnan(value)


def _is_loss(record: Mapping[str, Any]) -> bool:
    return type(record.get("step")) is int and _is_number(record.get("loss")) and _is_number(record["loss"])


def _is_validation(record: Mapping[str, Any]) -> bool:
    metrics = record.get("validation")
    return (
        type(record.get("epoch")) is int
        and type(record.get("step")) is int
        and isinstance(metrics, dict)
        and bool(metrics)
        and type(next(iter(metrics.values()))) in (int, float)
    )
