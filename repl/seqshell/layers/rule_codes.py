"""The rules of samplers as the kernels read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.shortlist import Divide, KeepBest, KeepMass, KeepNear, Rule
from seqshell.kernels import layout

RULE_KINDS: Mapping[type[Any], int] = MappingProxyType(
    {
        Divide: layout.DIVIDE,
        KeepBest: layout.KEEP_BEST,
        KeepNear: layout.KEEP_NEAR,
        KeepMass: layout.KEEP_MASS,
    }
)


def rule_codes(rules: Sequence[Rule], excluded: Sequence[int], size: int) -> NDArray[np.float64] | None:
    """The rules as the kernels read them, [R, 2]; None if there is no kernel for one of them. size: V."""
    rows: list[tuple[int, Any]] = [(layout.EXCLUDE, token) for token in excluded]
    rows += [(RULE_KINDS.get(type(rule), -1), next(iter(vars(rule).values()), None)) for rule in rules]
    is_known = all(kind >= 0 and isinstance(value, int | float) for kind, value in rows)
    if not is_known or not all(0 <= token < size for token in excluded):
        return None
    return np.array(rows, np.float64).reshape(-1, 2)
