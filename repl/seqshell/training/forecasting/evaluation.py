"""Evaluate a forecaster: its forecasts at every row of a series, and their errors beside those of baselines."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqshell.core.errors import RecipeError, UsageError
from seqshell.core.model import Model, Series
from seqshell.core.state import State, leaves, map_leaves
from seqshell.core.tables.time_parts import split_names
from seqshell.training.data.tables import read_table
from seqshell.training.forecasting.baselines import NLinear, last_value, seasonal
from seqshell.training.forecasting.data import RowSplit, Scale, SeriesData, SeriesPart, scale_of, series_of
from seqshell.training.forecasting.metrics import covered, errors, num_windows, usual_horizons
from seqshell.training.forecasting.parts import averaged
from seqshell.training.optimizer import device_of
from seqshell.training.provenance import file_format, provenance, recorded_texts
from seqshell.training.recipes.settings import DataSettings

CHUNK = 1024  # rows observed per call
POSITIONS = 256  # rows with forecasts per call

Array = NDArray[np.float32]


@dataclass(frozen=True)
class ForecastOptions:
    """What to evaluate, as typed; "" for the default.

    rows: START:END of the rows to forecast, from 0. Default: the held-out rows of the training file, all rows of other
    files.
    horizons: such as 24,96. Default: 1, and a quarter, half and all of the model's horizon.
    columns: such as A,B. Default: the columns named in the checkpoint.
    """

    rows: str = ""
    horizons: str = ""
    columns: str = ""


def observed(module: Any, values: Tensor, state: State) -> State:
    """The state after reading values [B, T, F].

    If the module has a method `observe`, which computes no forecasts, it is used.
    """
    observe: Callable[[Tensor, State], State] = getattr(module, "observe", None) or (
        lambda chunk, state: module(chunk, state)[1]
    )
    for start in range(0, values.shape[1], CHUNK):
        state = observe(values[:, start : start + CHUNK], state)
    return state


@torch.inference_mode()
def forecasts(module: Any, values: Array, positions: range, horizon: int) -> Array:
    """The forecasts [P, H, F, Q] after reading up to each position, and no row after it.

    values: [N, F], read from the first row. module: in eval mode. Its own horizon is at least `horizon`, or 1: then it
    reads its own median forecasts step by step.
    """
    device = device_of(module)
    series = torch.from_numpy(values)[None].to(device)  # [1, N, F]
    state = observed(module, series[:, : positions.start], module.initial_state(1))
    found = []
    for start in range(positions.start, positions.stop, POSITIONS):
        some = series[:, start : min(start + POSITIONS, positions.stop)]
        outputs, after = module(some, state)  # [1, P, K, F, Q]
        if outputs.shape[2] == 1 < horizon:
            outputs = _stepped(module, some, state, horizon)
        found.append(outputs[0, :, :horizon].float().cpu().numpy())
        state = after
    return np.concatenate(found)


def _stepped(module: Any, values: Tensor, state: State, horizon: int) -> Tensor:
    """Forecast step by step from each of the P positions of values [1, P, F], as P rows of a batch.

    Returns [1, P, H, F, Q].
    """
    outputs, states = [], []
    for column in values.unbind(1):
        output, state = module(column[:, None], state)
        outputs.append(output[:, 0])
        states.append(state)
    rows = zip(*map(leaves, states), strict=True)
    stacked = iter([torch.cat(leaf) for leaf in rows])
    state = map_leaves(lambda _: next(stacked), state)
    steps = [torch.cat(outputs)]  # [P, 1, F, Q] each
    while len(steps) < horizon:
        following, state = module(steps[-1][..., steps[-1].shape[-1] // 2], state)
        steps.append(following[:, 0])
    return torch.cat(steps, 1)[None]


def measure(
    module: Any,
    values: Array,
    rows: range,
    *,
    horizons: Sequence[int] = (),
    training: range = range(0),
    season: int = 1,
) -> dict[str, Any]:
    """mse and mae by horizon, the number of windows, the share inside the interval, and the baselines' errors.

    values: [N, F], normalised. rows: to forecast. horizons: default, the module's usual ones.
    training: rows to fit NLinear to; without them it is left out, as is the last season if `season` is 1.
    Raises RecipeError if no window of a horizon fits into the rows.
    """
    found = find_horizons(module, values, rows, horizons)
    outputs = forecasts(module, values, positions_before(rows), max(found))
    return metrics_of_forecasts(outputs, values, rows, found, training=training, season=season)


def metrics_of_forecasts(
    outputs: Array,
    values: Array,
    rows: range,
    horizons: Sequence[int],
    *,
    training: range = range(0),
    season: int = 1,
) -> dict[str, Any]:
    """The metrics of `measure`, given the forecasts [P, H, F, Q] at `positions_before(rows)`."""
    positions, longest = np.array(positions_before(rows)), max(horizons)
    rows = range(int(positions[0]) + 1, rows.stop)  # nothing forecasts the first row of a series
    point, number = outputs[..., outputs.shape[-1] // 2], outputs.shape[-1]
    baselines = {"last_value": last_value(values, positions, longest)}
    if season > 1:
        baselines["seasonal_naive"] = seasonal(values, positions, longest, season)
    if len(training) > 2 * longest and training.stop <= rows.start:
        baselines["nlinear"] = NLinear(values[training.start : training.stop], longest)(values, positions)
    return {
        **errors(point, values, rows, horizons),
        "windows": num_windows(rows, horizons),
        **({"covered": covered(outputs[..., 0], outputs[..., -1], values, rows, horizons)} if number > 1 else {}),
        **({"season": season} if season > 1 else {}),
        "baselines": {name: errors(each, values, rows, horizons) for name, each in baselines.items()},
    }


def positions_before(rows: range) -> range:
    """The positions before each of the rows, without the first row of the series, which has none."""
    return range(max(0, rows.start - 1), rows.stop - 1)


def find_horizons(module: Any, values: Array, rows: range, requested: Sequence[int] = ()) -> tuple[int, ...]:
    """The requested horizons in order, or the usual ones that fit.

    Raises RecipeError for a horizon beyond the model's, unless the model is stepped (1), or longer than the rows.
    """
    longest, fits = int(_first_outputs(module, values).shape[2]), len(positions_before(rows))
    for horizon in requested:
        if longest > 1 and horizon > longest:
            raise RecipeError(f"a horizon of {horizon} is too long: the model forecasts {longest} steps")
        if horizon > fits:
            raise RecipeError(f"{len(rows)} rows are too few to evaluate forecasts of {horizon} steps")
    found = tuple(sorted(set(requested))) or tuple(horizon for horizon in usual_horizons(longest) if horizon <= fits)
    if not found:
        raise RecipeError(f"{len(rows)} rows are too few to evaluate forecasts")
    return found


def evaluate_series(model: Model, module: Any, file: str, options: ForecastOptions) -> dict[str, Any]:
    """Evaluate a forecaster on a table; returns the object that `seqshell evaluate --json` prints.

    Raises RecipeError for invalid data and UsageError for invalid options.
    """
    series = model.series
    assert series is not None  # every model for FORECAST has one
    source = _source(model, series, file, _names(options.columns))
    if len(source.columns) != len(series.columns):
        needed = f"{len(series.columns)} columns ({', '.join(series.columns)})"
        raise UsageError(f"--columns: {model.name} needs {needed}, not {len(source.columns)}")
    if options.rows and len(source.parts) > 1:
        raise UsageError(f"--rows is for tables of one series, and {source.name} has {len(source.parts):,}")
    season, requested = provenance(model, "data").get("season", 1), _horizons(options.horizons)
    measured, evaluated, seconds, num_read = [], [], 0.0, 0
    for part in source.parts:
        split, size = _split(model, source, part), len(part)
        rows = _rows(options.rows, size) if options.rows else split.held_out if split else range(size)
        values = _scale(series, part).normalised(part.values)
        horizons = find_horizons(module, values, rows, requested)
        start = time.perf_counter()
        outputs = forecasts(module, values, positions_before(rows), max(horizons))
        seconds += time.perf_counter() - start
        measured.append(
            metrics_of_forecasts(
                outputs,
                values,
                rows,
                horizons,
                training=split.training if split else range(0),
                season=season if type(season) is int else 1,
            )
        )
        evaluated.append(rows)
        num_read += rows.stop
    return {
        "model": model.name,
        "task": str(model.task),
        "data": {
            "name": source.name,
            "sha256": source.sha256,
            "items": sum(map(len, evaluated)),
            **({"rows": [rows.start, rows.stop]} if len(evaluated) == 1 else {"series": len(evaluated)}),
            **({"notes": list(source.understood[1:])} if source.understood[1:] else {}),
        },
        **averaged(measured),
        **({"interval": series.quantiles[-1] - series.quantiles[0]} if series.quantiles else {}),
        "tokens_per_second": num_read / seconds,
    }


def _source(model: Model, series: Series, file: str, columns: tuple[str, ...]) -> SeriesData:
    """The series of a table, read as the training read its own; columns that the table lacks are found."""
    columns = columns or series.columns
    table = read_table(file, format=file_format(model), wanted=columns)

    def known(names: str) -> str:
        return names if set(split_names(names, table.columns)) <= set(table.columns) else ""

    settings = DataSettings(
        table=table.name,
        columns=columns,
        time_column=known(series.time_column),
        series_column=known(series.series_column),
        day_first="" if series.day_first is None else series.day_first,
        fill=series.fill,
        decimal=recorded_texts(model, ("decimal",)).get("decimal", ""),
    )
    return series_of(table, settings, "--columns")


def _scale(series: Series, part: SeriesPart) -> Scale:
    """The scale of the training; of a series that a model of several does not know, that of its own rows."""
    if not series.scales:
        return Scale(np.array(series.mean), np.array(series.std))
    scale = next((scale for scale in series.scales if scale.name == part.name), None)
    return Scale(np.array(scale.mean), np.array(scale.std)) if scale else scale_of(part.values)


def _split(model: Model, source: SeriesData, part: SeriesPart) -> RowSplit | None:
    """How the training split the rows of a series, if the table is the model's own training file."""
    recorded = provenance(model, "data")
    if recorded.get("sha256") != source.sha256:
        return None
    several = recorded.get("series")
    sizes = [provenance(model, "split").get(name, 0) for name in ("training", "validation", "test")]
    if isinstance(several, Mapping):
        sizes = several.get(part.name, [0])
    if not all(type(size) is int and size >= 0 for size in sizes) or sum(sizes) > len(part) or not any(sizes[1:]):
        return None
    first, second, last = itertools.accumulate(sizes)
    return RowSplit(range(first), range(first, second), range(second, last))


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _horizons(text: str) -> tuple[int, ...]:
    try:
        found = tuple(map(int, _names(text)))
    except ValueError:
        found = (0,)
    if any(horizon < 1 for horizon in found):
        raise UsageError(f"--horizons needs whole numbers such as 24,96, not {text!r}")
    return found


def _rows(text: str, num_rows: int) -> range:
    start, colon, stop = text.partition(":")
    try:
        rows = range(int(start or 0), int(stop or num_rows))
    except ValueError:
        rows = range(0)
    if not colon or not rows or rows.start < 0 or rows.stop > num_rows:
        raise UsageError(f"--rows needs START:END within 0:{num_rows}, not {text!r}")
    return rows


@torch.inference_mode()
def _first_outputs(module: Any, values: Array) -> Tensor:
    """The forecast after the first row, [1, 1, K, F, Q]."""
    device = device_of(module)
    outputs: Tensor = module(torch.from_numpy(values[None, :1]).to(device), module.initial_state(1))[0]
    return outputs
