"""The half-life of gradients: over how many steps they halve, the further back they reach."""

from __future__ import annotations

import math
from collections.abc import Sequence


def half_life(norms: Sequence[float | None], lags: Sequence[int] = ()) -> float | None:
    """The number of steps over which the norms halve: by a least-squares line through their logarithms.

    norms: oldest first, each one step after the one before it; or those of `lags`, numbers of steps back. None: not
    finite. Returns None if fewer than three norms are above 0, or if they do not decay.
    """
    backs = lags or range(len(norms), 0, -1)
    points = [(back, math.log2(norm)) for back, norm in zip(backs, norms, strict=True) if norm]
    if len(points) < 3:
        return None
    middle = sum(back for back, _ in points) / len(points)
    slope = sum((middle - back) * log for back, log in points) / sum((back - middle) ** 2 for back, _ in points)
    return 1 / slope if slope > 0 else None
