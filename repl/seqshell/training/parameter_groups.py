"""The parameter groups of an optimizer: those of a module's method `parameter_groups`, and one for all others."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from torch import nn

from seqshell.core.model import own_method
from seqshell.core.plugin_guard import Guard, owner_of
from seqshell.training.recipes.settings import TrainingSettings

NUMBERS = ("lr", "weight_decay")  # what a group may set
FULL_RATE = "initial_lr"  # a group's learning rate before warm-up and schedule, as torch's schedulers call it


def parameter_groups(module: nn.Module, settings: TrainingSettings) -> list[dict[str, Any]]:
    """The groups of a module's parameters, as torch's optimizers take them; the first one has those of no group.

    Raises PluginError for invalid groups.
    """
    method = own_method(module, "parameter_groups")
    groups: list[dict[str, Any]] = []
    if method is not None:
        owner = owner_of(type(module))
        guard = Guard(f"the model {type(module).__name__}{owner.suffix}", owner, "failed in parameter_groups")
        offered = list(guard.each(guard.call(method)))
        try:
            groups = list(map(_checked, offered))
            _check_once(groups, module)
        except ValueError as error:
            raise guard.error(f"has invalid parameter_groups: {error}", by=method) from None
    taken = {id(each) for group in groups for each in group["params"]}
    others = {"params": [each for each in module.parameters() if id(each) not in taken]}
    return [{FULL_RATE: group.get("lr", settings.learning_rate), **group} for group in (others, *groups)]


def _checked(group: Any) -> dict[str, Any]:
    if not isinstance(group, Mapping) or "params" not in group:
        raise ValueError('a group is {"params": [...]}, with "lr" and "weight_decay" if it has its own')
    if unknown := [key for key in group if key not in ("params", *NUMBERS)]:
        raise ValueError(f"a group has {unknown[0]!r:.40}; it may have params, {', '.join(NUMBERS)}")
    for key in NUMBERS:
        value = group.get(key, 0)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
            raise ValueError(f"{key} of a group must be a number of at least 0, not {value!r:.40}")
    params = group["params"]
    parameters = [params] if isinstance(params, nn.Parameter) else list(params) if isinstance(params, Iterable) else []
    return {**{key: float(group[key]) for key in NUMBERS if key in group}, "params": parameters}


def _check_once(groups: list[dict[str, Any]], module: nn.Module) -> None:
    """Raise ValueError unless the groups hold parameters of the module, each at most once."""
    names = {id(parameter): name for name, parameter in module.named_parameters()}
    seen: set[int] = set()
    for parameter in (each for group in groups for each in group["params"]):
        if id(parameter) not in names:
            raise ValueError("a group has something that is not a parameter of the module")
        if id(parameter) in seen:
            raise ValueError(f"{names[id(parameter)]} is twice in the groups")
        seen.add(id(parameter))
