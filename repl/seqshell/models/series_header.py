"""What the header of a forecasting checkpoint says of its series <-> a Series. The header may lie; weights are not looked at here."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from seqshell.core.errors import CheckpointError
from seqshell.core.model import Series, Task

LONGEST_EXAMPLE = 10_000  # rows


def series_json(series: Series) -> dict[str, Any]:
    """A Series as the header has it."""
    return dataclasses.asdict(series)


def read_series(header: Mapping[str, Any], task: Task, config: Any) -> Series | None:
    """The series that a model forecasts; None for another task. CheckpointError when what the header says cannot be."""
    if task is not Task.FORECAST:
        return None
    data = header.get("series")
    if not isinstance(data, Mapping):
        raise CheckpointError("it forecasts, and does not say what series")
    columns = data.get("columns")
    if (
        not isinstance(columns, list | tuple)
        or not columns
        or not all(isinstance(name, str) and name for name in columns)
    ):
        raise CheckpointError("its series has no names of columns")
    size, known = len(columns), header["tokenizer"].get("columns")
    if size != getattr(config, "num_features", size) or list(columns) != known:
        raise CheckpointError(
            f"its series has the columns {', '.join(columns):.100}, which do not fit its config and its tokenizer"
        )
    mean, std, quantiles = (_numbers(data.get(key, ()), key) for key in ("mean", "std", "quantiles"))
    if len(mean) != size or len(std) != size or min(std) <= 0:
        raise CheckpointError("its series needs a mean and a standard deviation above 0 for each column")
    if (
        (quantiles and len(quantiles) % 2 == 0)
        or list(quantiles) != sorted(set(quantiles))
        or not all(0 < share < 1 for share in quantiles)
    ):
        raise CheckpointError(
            "the quantiles of its series must be an odd number of shares between 0 and 1, each above the one before it"
        )
    horizon = data.get("horizon", 1)
    if type(horizon) is not int or horizon < 1:
        raise CheckpointError(f"the horizon of its series cannot be {horizon!r:.40}")
    rows = data.get("example", ())
    if not isinstance(rows, list | tuple) or len(rows) > LONGEST_EXAMPLE:
        raise CheckpointError(f"the example of its series must be at most {LONGEST_EXAMPLE:,} rows")
    example = tuple(_numbers(row, "example") for row in rows)
    if any(len(row) != size for row in example):
        raise CheckpointError(f"a row of the example of its series has other than {size} values")
    return Series(tuple(columns), mean, std, str(data.get("time_column", "")), example, quantiles, horizon)


def _numbers(values: Any, what: str) -> tuple[float, ...]:
    if not isinstance(values, list | tuple) or not all(
        type(value) in (int, float) and math.isfinite(value) for value in values
    ):
        raise CheckpointError(f"the {what} of its series must be numbers")
    return tuple(map(float, values))
