"""Where packed weights are in memory."""

from __future__ import annotations

import numpy as np
import pytest

from seqshell.kernels.packing import CACHE_LINE, LARGE_PAGE, aligned


@pytest.mark.parametrize(
    ("number", "unit"), [(1, CACHE_LINE), (LARGE_PAGE // 4 - 1, CACHE_LINE), (LARGE_PAGE // 4, LARGE_PAGE)]
)
def test_room_for_weights_starts_on_a_cache_line_and_much_of_it_on_a_large_page(number: int, unit: int) -> None:
    room = aligned((number,))
    assert room.shape == (number,)
    assert room.dtype == np.float32
    assert room.ctypes.data % unit == 0
    after = room.base.ctypes.data + room.base.nbytes - room.ctypes.data  # a whole page beyond the end is there, too
    assert after >= -(-room.nbytes // unit) * unit
