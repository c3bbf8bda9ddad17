"""The series of a table as training uses them: each split by time, and normalised by its own training rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import RecipeError
from seqshell.training.forecasting.baselines import find_season
from seqshell.training.forecasting.data import RowSplit, Scale, SeriesData, scale_of, split_rows
from seqshell.training.recipes.settings import DataSettings

Array = NDArray[np.float32]
MOST_HELD_OUT = 50_000  # rows of a stored series that validate or test: the first ones held out


@dataclass(frozen=True)
class Part:
    """One series: its name, or ""; its values [N, F], normalised by `scale`; the rows of each part; its times."""

    name: str
    values: Array
    rows: RowSplit
    scale: Scale
    times: Sequence[str] = ()

    @property
    def training(self) -> Array:
        """The training rows [N, F]."""
        return self.values[: self.rows.training.stop]


def split_series(source: SeriesData, data: DataSettings, horizon: int) -> tuple[SeriesData, tuple[Part, ...]]:
    """Split each series by time; of several, those that are too short for the horizon are left out of the source.

    Raises RecipeError if all are too short.
    """
    parts, short, fault = [], [], None
    for part in source.parts:
        name = f"{source.name}, series {part.name}" if part.name else source.name
        try:
            rows = split_rows(data, name, len(part), horizon)
        except RecipeError as error:
            short.append(part.name)
            fault = fault or error
            continue
        rows = rows.shortened(MOST_HELD_OUT) if source.is_stored else rows
        scale = scale_of(part.values[: rows.training.stop])
        parts.append(Part(part.name, scale.normalised(part.values), rows, scale, part.times))
    if fault is not None and not parts:
        raise fault
    return source.without(short, f"too short for a horizon of {horizon}"), tuple(parts)


def common_season(training: Sequence[NDArray[Any]]) -> int:
    """The season of most series; 1 for none. training: the training rows [N, F] of each."""
    return Counter(map(find_season, training)).most_common(1)[0][0]


def averaged(measured: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The metrics of several series as one: means over all their windows, and baselines that all of them have."""
    first = measured[0]
    if len(measured) == 1:
        return dict(first)
    windows: Counter[str] = Counter()
    for one in measured:
        windows.update(one["windows"])
    names = [name for name in first["baselines"] if all(name in one["baselines"] for one in measured)]
    kinds = [kind for kind in ("mse", "mae", "covered") if kind in first]
    return {
        **{kind: _mean([one[kind] for one in measured], measured) for kind in kinds},
        "windows": dict(windows),
        **({"season": first["season"]} if "season" in first else {}),
        "baselines": {
            name: {kind: _mean([one["baselines"][name][kind] for one in measured], measured) for kind in ("mse", "mae")}
            for name in names
        },
    }


def _mean(values: Sequence[Mapping[str, float]], measured: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """The means by horizon, weighted by the number of windows of each series."""
    horizons = dict.fromkeys(horizon for one in values for horizon in one)
    means = {}
    for horizon in horizons:
        pairs = [
            (value[horizon], one["windows"][horizon])
            for value, one in zip(values, measured, strict=True)
            if horizon in value
        ]
        means[horizon] = sum(value * weight for value, weight in pairs) / sum(weight for _, weight in pairs)
    return means
