"""Write the checkpoint of a tiny model without torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.models import file


def write_tiny(
    path: str | Path,
    weights: Mapping[str, NDArray[Any]],
    *,
    defaults: Mapping[str, Any] | None = None,
    examples: Sequence[str] = (),
    **header: Any,
) -> Path:
    """Write the weights as float32, with these fields in the header, and return the path."""
    fields = {
        "kind": "model",
        **header,
        "defaults": dict(defaults or {}),
        "examples": list(examples),
        "provenance": {"data": {"name": "random numbers"}},
        "parameters": sum(values.size for values in weights.values()),
    }
    file.write(path, fields, {name: values.astype(np.float32) for name, values in weights.items()})
    return Path(path)
