"""Forecasts of a torch module at every row of a series, and its metrics with those of the baselines beside them."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqshell.core.errors import RecipeError, UsageError
from seqshell.core.model import Model
from seqshell.core.state import State, leaves, map_leaves
from seqshell.training.data.tables import column_names
from seqshell.training.forecasting.baselines import NLinear, last_value, seasonal
from seqshell.training.forecasting.data import RowSplit, Scale, SeriesData, read_series
from seqshell.training.forecasting.metrics import covered, errors, num_windows, usual_horizons
from seqshell.training.optimizer import device_of
from seqshell.training.provenance import provenance

CHUNK = 1024  # rows that are observed in one call
POSITIONS = 256  # rows at which forecasts are made in one call

Array = NDArray[np.float32]


@dataclass(frozen=True)
class ForecastOptions:
    """What is measured, as it is typed; empty: as usual.

    rows: START:END of those that are forecast, from 0. Usually, of the file that the model was trained on, those that were held out; of any other,
    all. horizons: 24,96 for instance; usually 1 and a quarter, a half and all of the model's. columns: A,B for instance, in the place of those that
    the checkpoint names.
    """

    rows: str = ""
    horizons: str = ""
    columns: str = ""


def observed(module: Any, values: Tensor, state: State) -> State:
    """values: [B, T, F]. Returns the state after them. A module that has `observe`, forward for the state alone, is spared its forecasts."""
    observe: Callable[[Tensor, State], State] = getattr(module, "observe", None) or (
        lambda some, state: module(some, state)[1]
    )
    for start in range(0, values.shape[1], CHUNK):
        state = observe(values[:, start : start + CHUNK], state)
    return state


@torch.inference_mode()
def forecasts(module: Any, values: Array, positions: range, horizon: int) -> Array:
    """What a module forecasts after reading up to each position, [P, H, F, Q]; it sees no row after it.

    values: [N, F], read from the first one on. module: in eval mode; its own horizon is `horizon` or longer, or 1, and then it is stepped on the
    middle one of its own forecasts.
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
    """values: [1, P, F], each position a row of its own from there on. Returns [1, P, H, F, Q]."""
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
    judged: range,
    *,
    horizons: Sequence[int] = (),
    training: range = range(0),
    season: int = 1,
) -> dict[str, Any]:
    """mse and mae by horizon, windows, where the module gives an interval what it covers, and the same metrics of the baselines.

    values: [N, F], normalised; judged: the rows that are forecast. horizons: default, the usual ones of the module. training: the rows that
    NLinear is fitted to; without any it is left out, as last season is without one. RecipeError when no window of a horizon fits.
    """
    wanted = find_horizons(module, values, judged, horizons)
    outputs = forecasts(module, values, positions_before(judged), max(wanted))
    return metrics_of_forecasts(outputs, values, judged, wanted, training=training, season=season)


def metrics_of_forecasts(
    outputs: Array,
    values: Array,
    judged: range,
    horizons: Sequence[int],
    *,
    training: range = range(0),
    season: int = 1,
) -> dict[str, Any]:
    """The metrics of `measure` from forecasts at `positions_before(judged)`: [P, H, F, Q]."""
    positions, longest = np.array(positions_before(judged)), max(horizons)
    judged = range(int(positions[0]) + 1, judged.stop)  # the first row of all is forecast by nobody
    point, number = outputs[..., outputs.shape[-1] // 2], outputs.shape[-1]
    beside = {"last_value": last_value(values, positions, longest)}
    if season > 1:
        beside["seasonal_naive"] = seasonal(values, positions, longest, season)
    if len(training) > 2 * longest and training.stop <= judged.start:
        beside["nlinear"] = NLinear(values[training.start : training.stop], longest)(values, positions)
    return {
        **errors(point, values, judged, horizons),
        "windows": num_windows(judged, horizons),
        **({"covered": covered(outputs[..., 0], outputs[..., -1], values, judged, horizons)} if number > 1 else {}),
        **({"season": season} if season > 1 else {}),
        "baselines": {name: errors(found, values, judged, horizons) for name, found in beside.items()},
    }


def positions_before(judged: range) -> range:
    """The rows after which each judged row but a first one of all is the next."""
    return range(max(0, judged.start - 1), judged.stop - 1)


def find_horizons(module: Any, values: Array, judged: range, wanted: Sequence[int] = ()) -> tuple[int, ...]:
    """The wanted horizons in order, or the usual ones that fit. RecipeError for one beyond the model's, unless that is 1 and the model is
    stepped, and for one that is longer than the rows that are judged."""
    longest, fits = int(_first_outputs(module, values).shape[2]), len(positions_before(judged))
    for horizon in wanted:
        if longest > 1 and horizon > longest:
            raise RecipeError(f"a horizon of {horizon} is beyond the model's, which forecasts {longest} steps")
        if horizon > fits:
            raise RecipeError(f"{len(judged)} rows to be measured on hold no window of {horizon} steps")
    found = tuple(sorted(set(wanted))) or tuple(horizon for horizon in usual_horizons(longest) if horizon <= fits)
    if not found:
        raise RecipeError(f"{len(judged)} rows are too few to be measured on")
    return found


def evaluate_series(model: Model, module: Any, word: str, options: ForecastOptions) -> dict[str, Any]:
    """The object that `seqshell evaluate --json` prints, of a model for FORECAST on a table. RecipeError of the data, UsageError of options that
    cannot be."""
    series = model.series
    assert series is not None  # every model for FORECAST has one
    time_column = series.time_column if series.time_column in column_names(Path(word)) else ""
    source = read_series(word, _words(options.columns) or series.columns, time_column, way_out="--columns")
    if len(source.columns) != len(series.columns):
        raise UsageError(
            f"--columns: {model.name} reads {len(series.columns)} of them ({', '.join(series.columns)}), not {len(source.columns)}"
        )
    parts = _parts(model, source)
    judged = _rows(options.rows, len(source)) if options.rows else parts.judged if parts else range(len(source))
    values = Scale(np.array(series.mean), np.array(series.std)).normalised(source.values)
    wanted = find_horizons(module, values, judged, _horizons(options.horizons))
    start = time.perf_counter()
    outputs = forecasts(module, values, positions_before(judged), max(wanted))
    seconds = time.perf_counter() - start
    season = provenance(model, "data").get("season", 1)
    measured = metrics_of_forecasts(
        outputs,
        values,
        judged,
        wanted,
        training=parts.training if parts else range(0),
        season=season if type(season) is int else 1,
    )
    return {
        "model": model.name,
        "task": str(model.task),
        "data": {
            "name": source.name,
            "sha256": source.sha256,
            "items": len(judged),
            "rows": [judged.start, judged.stop],
        },
        **measured,
        **({"interval": series.quantiles[-1] - series.quantiles[0]} if series.quantiles else {}),
        "tokens_per_second": judged.stop / seconds,
    }


def _parts(model: Model, source: SeriesData) -> RowSplit | None:
    """How the rows of a table were split where it is the one that a model was trained on."""
    if provenance(model, "data").get("sha256") != source.sha256:
        return None
    sizes = [provenance(model, "split").get(name, 0) for name in ("training", "validation", "test")]
    if not all(type(size) is int and size >= 0 for size in sizes) or sum(sizes) > len(source) or not any(sizes[1:]):
        return None
    first, second, last = itertools.accumulate(sizes)
    return RowSplit(range(first), range(first, second), range(second, last))


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _horizons(text: str) -> tuple[int, ...]:
    try:
        found = tuple(map(int, _words(text)))
    except ValueError:
        found = (0,)
    if any(horizon < 1 for horizon in found):
        raise UsageError(f"--horizons is a list of whole numbers such as 24,96, not {text!r}")
    return found


def _rows(text: str, num_rows: int) -> range:
    start, colon, stop = text.partition(":")
    try:
        rows = range(int(start or 0), int(stop or num_rows))
    except ValueError:
        rows = range(0)
    if not colon or not rows or rows.start < 0 or rows.stop > num_rows:
        raise UsageError(f"--rows is START:END within 0:{num_rows}, not {text!r}")
    return rows


@torch.inference_mode()
def _first_outputs(module: Any, values: Array) -> Tensor:
    """The forecast after the first row: [1, 1, K, F, Q]."""
    device = device_of(module)
    outputs: Tensor = module(torch.from_numpy(values[None, :1]).to(device), module.initial_state(1))[0]
    return outputs
