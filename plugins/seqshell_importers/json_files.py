"""Models whose description is JSON and whose numbers are in files beside it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell import CheckpointError
from seqshell.core.json_values import parsed
from seqshell.core.named_files import read_bytes

MAX_SIZE = 400_000_000  # bytes of a file


def json_of(path: Path) -> Any:
    """The content of a file of JSON; None for any other file."""
    if path.suffix != ".json":
        return None
    try:
        return parsed(read_bytes(path, error=CheckpointError, most=MAX_SIZE))
    except (ValueError, CheckpointError):
        return None


def numbers_of(path: Path) -> bytes:
    """The content of a file of numbers. Raises CheckpointError if it cannot be read."""
    return read_bytes(path, error=CheckpointError, most=MAX_SIZE)


def floats_at(data: bytes, shape: Any, offset: Any = 0) -> NDArray[Any] | None:
    """A float32 array of this shape in a file's content; None if these are no sizes, or it has fewer numbers."""
    sizes = (*shape, offset) if isinstance(shape, list) and 1 <= len(shape) <= 2 else (None,)
    if not all(type(size) is int and 0 <= size <= len(data) for size in sizes):
        return None
    count = math.prod(shape)
    if not count or offset % 4 or offset + 4 * count > len(data):
        return None
    return np.frombuffer(data, "<f4", count, offset).reshape(shape).copy()
