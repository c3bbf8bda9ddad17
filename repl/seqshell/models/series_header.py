"""The series in the header of a forecaster's checkpoint. The header is untrusted."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from seqshell.core.errors import CheckpointError
from seqshell.core.model import Series, SeriesScale
from seqshell.core.text_output import brief

LONGEST_EXAMPLE = 10_000  # rows
LATER = {"series_column", "scales", "day_first", "fill"}  # fields that older files do not have


def series_json(series: Series) -> dict[str, Any]:
    """Return a Series as JSON values for the header; without the later fields where they have their defaults."""
    plain = {field.name for field in dataclasses.fields(Series) if getattr(series, field.name) == field.default}
    return {key: value for key, value in dataclasses.asdict(series).items() if key not in plain & LATER}


def read_series(header: Mapping[str, Any], config: Any) -> Series:
    """Read the series that a model forecasts.

    Raises CheckpointError if it is missing, invalid or does not fit the config.
    """
    data = header.get("series")
    if not isinstance(data, Mapping):
        raise CheckpointError("its task is forecast, but it has no series")
    columns = data.get("columns")
    if (
        not isinstance(columns, list | tuple)
        or not columns
        or not all(isinstance(name, str) and name for name in columns)
    ):
        raise CheckpointError("its series has no column names")
    size, known = len(columns), header["tokenizer"].get("columns")
    if size != getattr(config, "num_features", size) or list(columns) != known:
        raise CheckpointError(
            f"the columns of its series, {brief(', '.join(columns))}, do not fit its config and its tokenizer"
        )
    mean, std, quantiles = (_numbers(data.get(key, ()), key) for key in ("mean", "std", "quantiles"))
    scales = _scales(data.get("scales", ()))
    for means, deviations in ((mean, std), *((scale.mean, scale.std) for scale in scales)):
        if len(means) != size or len(deviations) != size or min(deviations) <= 0:
            raise CheckpointError("its series needs a mean and a standard deviation above 0 for each column")
    if (
        (quantiles and len(quantiles) % 2 == 0)
        or list(quantiles) != sorted(set(quantiles))
        or not all(0 < share < 1 for share in quantiles)
    ):
        raise CheckpointError("the quantiles of its series must be an odd number of increasing values between 0 and 1")
    horizon = data.get("horizon", 1)
    if type(horizon) is not int or horizon < 1:
        raise CheckpointError(f"the horizon of its series must be a positive integer, not {brief(horizon)}")
    rows = data.get("example", ())
    if not isinstance(rows, list | tuple) or len(rows) > LONGEST_EXAMPLE:
        raise CheckpointError(f"the example of its series must have at most {LONGEST_EXAMPLE:,} rows")
    example = tuple(_numbers(row, "example") for row in rows)
    if any(len(row) != size for row in example):
        raise CheckpointError(f"each row of the example of its series must have {size} values")
    times = data.get("example_times", ())
    if not isinstance(times, list | tuple) or not all(isinstance(time, str) for time in times):
        raise CheckpointError("the times of the example of its series must be texts")
    day_first = data.get("day_first")
    return Series(
        tuple(columns),
        mean,
        std,
        str(data.get("time_column", "")),
        example,
        quantiles,
        horizon,
        tuple(times),
        str(data.get("series_column", "")),
        scales,
        day_first if isinstance(day_first, bool) else None,
        str(data.get("fill", Series.fill)),
    )


def _scales(values: Any) -> tuple[SeriesScale, ...]:
    if not isinstance(values, list | tuple) or not all(
        isinstance(value, Mapping) and isinstance(value.get("name"), str) for value in values
    ):
        raise CheckpointError("the scales of its series must have names")
    return tuple(
        SeriesScale(value["name"], *(_numbers(value.get(key, ()), f"{key} of the scales") for key in ("mean", "std")))
        for value in values
    )


def _numbers(values: Any, what: str) -> tuple[float, ...]:
    if not isinstance(values, list | tuple) or not all(
        type(value) in (int, float) and math.isfinite(value) for value in values
    ):
        raise CheckpointError(f"the {what} of its series must be numbers")
    return tuple(map(float, values))
