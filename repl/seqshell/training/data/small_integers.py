"""Numbers of rows and tokens in the smallest integers that hold them: there are many, and they are kept in memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def integer_type(size: int) -> np.dtype[Any]:
    """The smallest unsigned integers for the numbers below `size`, in the order of bytes of this machine."""
    return np.min_scalar_type(max(0, size - 1))


def small(numbers: NDArray[Any]) -> NDArray[Any]:
    """Numbers from 0 on in the smallest integers for them."""
    return numbers.astype(integer_type(int(numbers.max(initial=0)) + 1))


def rows_where(chosen: NDArray[np.bool_]) -> NDArray[Any]:
    """The numbers of the rows where `chosen` is True."""
    return np.flatnonzero(chosen).astype(integer_type(len(chosen)))


def shuffled(size: int, draws: np.random.Generator) -> NDArray[Any]:
    """The numbers below `size` in a random order, the one that `draws.permutation(size)` gives."""
    order = np.arange(size, dtype=integer_type(size))
    draws.shuffle(order)
    return order
