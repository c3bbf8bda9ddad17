"""Modules without numbers: torch's device "meta", where weights need no memory and are not filled."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from seqshell.core.errors import CheckpointError

MAX_CALLS = 100_000  # of torch's functions while a module is built, besides one for each number of the checkpoint


@contextmanager
def unfilled(size: int | None = None) -> Iterator[None]:
    """While the block runs, modules are built without numbers.

    size: how many numbers the module's checkpoint holds. Raises CheckpointError if it asks for many more layers.
    """
    with torch.device("meta"), _Unfilled(size):
        yield


class _Unfilled(TorchFunctionMode):
    """Skips filling weights on the meta device: that would import torch's compiler, which takes seconds."""

    def __init__(self, size: int | None) -> None:
        super().__init__()
        self._size = size
        self._calls = 0

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Call a function of torch."""
        self._calls += 1
        if self._size is not None and self._calls > MAX_CALLS + self._size:
            raise CheckpointError(f"its config asks for many more layers than its {self._size:,} numbers fill")
        first = next(iter((*args, *(kwargs or {}).values())), None)
        in_place = function.__name__.endswith("_") and not function.__name__.endswith("__")
        return (
            first
            if in_place and isinstance(first, torch.Tensor) and first.is_meta
            else function(*args, **(kwargs or {}))
        )
