"""What an update of the weights needs besides the gradients: learning rate, device and precision."""

from __future__ import annotations

import contextlib
import copy
import ctypes
import itertools
import math
import time
from collections.abc import Callable, Iterable
from statistics import median
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seqshell.training.recipes.settings import TrainingSettings


def learning_rate(
    settings: TrainingSettings, step: int, total: int, scale: float = 1.0, full: float | None = None
) -> float:
    """The learning rate of step `step`, from 0, of `total`: a linear warm-up, then constant or half a cosine.

    The cosine ends at final_fraction of the full rate. scale: factor for all steps. full: the full rate, by default
    that of the settings.
    """
    rate = (settings.learning_rate if full is None else full) * scale
    if step < settings.warmup_steps:
        return rate * (step + 1) / settings.warmup_steps
    if settings.schedule != "cosine":
        return rate
    progress = (step - settings.warmup_steps) / max(1, total - settings.warmup_steps)
    low = settings.final_fraction
    return rate * (low + (1 - low) * 0.5 * (1 + math.cos(math.pi * min(1.0, progress))))


def keep_freed_memory() -> None:
    """Tell glibc to reuse the memory of freed tensors instead of returning it to the system.

    Does nothing with other C libraries. For logits over a large vocabulary, getting fresh pages takes longer than
    computing them.
    """
    with contextlib.suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        library.mallopt(-4, 0)  # M_MMAP_MAX, see mallopt(3)
        library.mallopt(-1, 2**31 - 1)  # M_TRIM_THRESHOLD


def find_device(name: str) -> torch.device:
    """The device with this name; "auto" is cuda, else mps, else cpu. Raises ValueError if it is not available."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError):  # torch built without CUDA asserts
        raise ValueError(f"no device {name!r} on this machine; auto selects the best one available") from None
    return device


def device_of(module: nn.Module) -> torch.device:
    """The device of a module's weights; a model that is fitted by counting has only buffers."""
    return next(itertools.chain(module.parameters(), module.buffers())).device


def on_device(module: nn.Module, arrays: Iterable[NDArray[Any]]) -> list[Tensor]:
    """The arrays as tensors on the device of the module."""
    device = device_of(module)
    return [torch.from_numpy(array).to(device) for array in arrays]


def choose_precision(
    requested: str, module: nn.Module, loss_of: Callable[[nn.Module], Tensor], device: torch.device
) -> str:
    """float32 or bf16.

    "auto" times three gradients of each, alternating, on a copy of the module; float32 if bf16 fails.

    loss_of(module): the loss of one batch. The random state is restored.
    """
    if requested != "auto":
        return requested
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        trial = copy.deepcopy(module)
        try:
            _timed(trial, loss_of, device, "bf16")
        except RuntimeError:
            return "float32"
        _timed(trial, loss_of, device, "float32")
        times: dict[str, list[float]] = {"bf16": [], "float32": []}
        for _ in range(3):
            for precision, taken in times.items():
                taken.append(_timed(trial, loss_of, device, precision))
    return min(times, key=lambda precision: median(times[precision]))


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """A context in which forward passes use this precision; weights and losses stay float32."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")


def _timed(module: nn.Module, loss_of: Callable[[nn.Module], Tensor], device: torch.device, precision: str) -> float:
    """Seconds for one forward and backward pass."""
    start = time.perf_counter()
    with autocast(device, precision):
        loss = loss_of(module)
    loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it so
    loss.item()  # waits for the device
    module.zero_grad()
    return time.perf_counter() - start
