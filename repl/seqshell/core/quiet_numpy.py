"""numpy without its warnings of numbers that are not finite, for calls of a few microseconds."""

from __future__ import annotations

from contextvars import ContextVar, copy_context
from functools import partial
from typing import Any

import numpy as np


def _found() -> tuple[ContextVar[Any], Any]:
    """The context variable that np.errstate(all="ignore") sets, and what it sets it to."""
    before = copy_context()
    with np.errstate(all="ignore"):
        within = copy_context()
    ((variable, value),) = ((each, value) for each, value in within.items() if before.get(each) is not value)
    return variable, value


_SETTING, _IGNORE = _found()

# As np.errstate(all="ignore"), in an eighth of its time: `before = ignore()`, then `restore(before)` in a `finally`.
ignore = partial(_SETTING.set, _IGNORE)
restore = _SETTING.reset
