"""Update weights with their gradients: clipping, SGD, Adam or AdamW, and the moving average of the weights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.adam import adam
from torch.optim.sgd import sgd

from seqshell.training.recipes.settings import TrainingSettings

FUSED = ("cpu", "cuda", "mps")  # devices on which torch has the whole update in one pass over the weights
SCALING = ("cpu", "cuda")  # and on which that pass also divides the gradients
EPSILON = 1e-8  # of Adam, as in its paper
Kept = dict[str, Tensor]


class Optimizer:
    """SGD, Adam (https://arxiv.org/abs/1412.6980) or AdamW (https://arxiv.org/abs/1711.05101), which clips gradients.

    The classes of torch.optim do the same with the same functions, but clip in a pass of its own over the gradients,
    and take a second to import torch's compiler.

    param_groups: {"params": [...]}, with their numbers; the caller sets their "lr" before each step. state: by
    parameter what the next steps need, under torch's names.
    """

    def __init__(self, groups: Iterable[Mapping[str, Any]], settings: TrainingSettings) -> None:
        self.settings = settings
        defaults = {"lr": settings.learning_rate, "weight_decay": settings.weight_decay}
        self.param_groups: list[dict[str, Any]] = [{**defaults, **group} for group in groups]
        self.state: dict[nn.Parameter, Kept] = {}
        weights = self.parameters
        self._is_fused = all(each.device.type in FUSED and _is_float(each) for each in weights)
        self._is_scaling = self._is_fused and all(each.device.type in SCALING for each in weights)

    @property
    def parameters(self) -> list[nn.Parameter]:
        """All of them, in the order in which resume files number them."""
        return [parameter for group in self.param_groups for parameter in group["params"]]

    @property
    def kept(self) -> frozenset[str]:
        """What is kept of each parameter after a step."""
        if self.settings.optimizer != "sgd":
            return frozenset(("step", "exp_avg", "exp_avg_sq"))
        return frozenset(("momentum_buffer",)) if self.settings.momentum else frozenset()

    def zero_grad(self) -> None:
        """Remove the gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Clip the gradients, each entry to clip_value, then their joint norm to clip_norm, and move the weights.

        Pascanu et al. 2013, https://arxiv.org/abs/1211.5063. A parameter without a gradient stays as it is.
        """
        settings = self.settings
        moved = [each for each in self.parameters if each.grad is not None]
        if settings.clip_value:
            nn.utils.clip_grad_value_(moved, settings.clip_value)
        scale = None
        if settings.clip_norm and moved:
            gradients = [each.grad for each in moved if each.grad is not None]
            scale = ((nn.utils.get_total_norm(gradients) + 1e-6) / settings.clip_norm).clamp(min=1).float()
            if not self._is_scaling:
                torch._foreach_div_(gradients, scale)
                scale = None
        for group in self.param_groups:
            self._move(group, [each for each in group["params"] if each.grad is not None], scale)

    def _move(self, group: Mapping[str, Any], weights: list[nn.Parameter], scale: Tensor | None) -> None:
        """Move weights of a group, whose gradients are divided by `scale`."""
        settings, states = self.settings, [self._state_of(each) for each in weights]
        named: Any = {name: [_real(state[name]) for state in states] for name in self.kept}
        gradients = [_real(each.grad) for each in weights if each.grad is not None]
        given: tuple[Any, ...] = ([_real(each) for each in weights], gradients)
        options: Any = {"lr": group["lr"], "weight_decay": group["weight_decay"], "maximize": False}
        options |= {"fused": self._is_fused, "grad_scale": scale}
        if settings.optimizer == "sgd":
            buffers = named.get("momentum_buffer", [None] * len(weights))
            given += (buffers,)
            sgd(*given, momentum=settings.momentum, dampening=0, nesterov=False, **options)
        else:
            options |= {"beta1": settings.beta1, "beta2": settings.beta2, "eps": EPSILON, "amsgrad": False}
            options["decoupled_weight_decay"] = settings.optimizer == "adamw"
            given += (named["exp_avg"], named["exp_avg_sq"], [], named["step"])
            adam(*given, **options)

    def restore(self, kept: Mapping[int, Mapping[str, Tensor]]) -> None:
        """Take over the state of an earlier training, by the numbers of the parameters."""
        parameters = self.parameters
        self.state = {
            parameters[number]: {
                name: tensor.to(self._place(parameters[number], name), copy=True) for name, tensor in tensors.items()
            }
            for number, tensors in kept.items()
        }

    def _state_of(self, weight: nn.Parameter) -> Kept:
        if weight not in self.state:
            self.state[weight] = {
                name: self._place(weight, name).clone() if name == "step" else torch.zeros_like(weight)
                for name in self.kept
            }
        return self.state[weight]

    def _place(self, weight: nn.Parameter, name: str) -> Tensor:
        """A tensor of the type and on the device where something is kept of a weight; 0 for the number of steps."""
        if name != "step":
            return weight.detach()
        return torch.zeros((), device=weight.device if self._is_fused else "cpu")


@torch.no_grad()
def update_average(average: nn.Module, module: nn.Module, decay: float, step: int) -> None:
    """Update the exponential moving average of the weights in place: average += (1 - decay) (module - average).

    The first steps use the smaller decay (1 + step) / (10 + step): otherwise the average would hold on to the random
    initial weights for about 1 / (1 - decay) steps. Buffers are copied, not averaged.
    """
    share = 1 - min(decay, (1 + step) / (10 + step))
    means: list[Tensor] = list(average.parameters())
    if means:
        torch._foreach_lerp_(means, list(module.parameters()), share)
    for kept, buffer in zip(average.buffers(), module.buffers(), strict=True):
        kept.copy_(buffer)


def _is_float(weight: Tensor) -> bool:
    return weight.is_floating_point() or weight.is_complex()


def _real(tensor: Tensor) -> Tensor:
    return torch.view_as_real(tensor) if tensor.is_complex() else tensor
