"""The training objective of a forecaster: chunks of a series, and at every position the steps that follow it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seqshell.core.errors import RecipeError
from seqshell.core.events import Table
from seqshell.core.model import Architecture, Series, SeriesScale
from seqshell.core.row_times import NUM_FIRST, read_times
from seqshell.core.series_tokenizer import Values
from seqshell.core.state import State
from seqshell.core.text_output import counted, exact
from seqshell.host import Registry, resolve
from seqshell.models.series_header import LONGEST_EXAMPLE
from seqshell.models.task_parts.parts import Inputs
from seqshell.training.auxiliary import auxiliary_losses
from seqshell.training.data.token_rows import items_at
from seqshell.training.distributed.group import ALONE, Group
from seqshell.training.forecasting.chunks import Chunks, joined
from seqshell.training.forecasting.corpus import read_recipe_series
from seqshell.training.forecasting.data import Numbers, Scale, SeriesData, read_series
from seqshell.training.forecasting.evaluation import forecasts, measure, observed, positions_before
from seqshell.training.forecasting.linear_part import calibrate, fit_linear_part
from seqshell.training.forecasting.metrics import errors, interval_summary, metrics_table, num_windows, quantile_levels
from seqshell.training.forecasting.parts import Part, averaged, common_season, split_series
from seqshell.training.objective import BatchLoss, Metrics, TrainingBatch
from seqshell.training.optimizer import on_device
from seqshell.training.parent import open_parent
from seqshell.training.preparation import Prepared, check_config
from seqshell.training.recipes.recipe import Recipe
from seqshell.training.recipes.settings import DataSettings
from seqshell.training.stopping import CERTAIN

SHOWN = 8  # values in a sample, and in a default example
DIGITS = 4  # significant digits of an example's values


@dataclass(frozen=True)
class ForecastObjective:
    """Objective of a forecaster. All that is fitted, the mean and standard deviation too, uses only the training rows.

    parts: the series, with the rows of each part. beginning: [M, F], values for the example, from the first series;
    beginning_times: their times, or empty. horizon, num_quantiles: K and Q of the module's outputs.
    """

    recipe: Recipe
    architecture: Architecture
    config: Any
    source: SeriesData
    parts: tuple[Part, ...]
    beginning: Numbers
    beginning_times: Sequence[str]
    horizon: int
    num_quantiles: int

    num_orders = 2**31
    padded = ()

    @property
    def data(self) -> dict[str, Any]:
        """Name and sha256, the season of the baseline, and of several series the number of rows of each part."""
        split = {part.name: list(part.rows.sizes.values()) for part in self.parts} if self.source.series_column else {}
        found = {"name": self.source.name, "sha256": self.source.sha256, "season": self.season}
        return {**found, **({"series": split} if split else {})}

    @property
    def split(self) -> dict[str, int]:
        """The number of rows of each part, in order of time; of all series together."""
        sizes = [part.rows.sizes for part in self.parts]
        return {name: sum(size[name] for size in sizes) for name in sizes[0]}

    @property
    def description(self) -> str:
        sizes, chunks = self.split, self.chunks
        lines = f"{sizes['training']:,} rows of {', '.join(self.source.columns)} for training"
        lines += f", {sizes['validation']:,} for validation"
        lines += f", {sizes['test']:,} for testing" if sizes["test"] else ""
        fitted, settings = (chunks.batch_size, chunks.length), self.recipe.training
        if fitted != (settings.batch_size, settings.sequence_length):
            lines += f"\nthe series is short: using batches of {fitted[0]} x {fitted[1]} rows"
        return "\n".join((lines, *(line for line in self.source.understood if line not in self.recipe.understood)))

    @property
    def scale(self) -> Scale:
        """Of the first series."""
        return self.parts[0].scale

    @cached_property
    def chunks(self) -> Chunks:
        """The training rows, as batches take them."""
        series, window = [part.training for part in self.parts], window_of(self.config)
        return Chunks(series, self.horizon, window, self.recipe.training)

    @cached_property
    def season(self) -> int:
        return common_season([part.training for part in self.parts])

    @property
    def levels(self) -> tuple[float, ...]:
        return quantile_levels(self.num_quantiles, self.recipe.training.interval)

    @property
    def num_batches(self) -> int:
        return self.chunks.num_batches

    def initial_state(self, module: Any) -> State:
        """(): each chunk has its own context."""
        return ()

    def batches(self, order: int, first: int = 0) -> Iterator[TrainingBatch]:
        return self.chunks.batches(order, first)

    def num_tokens(self, batch: TrainingBatch) -> int:
        return int(batch[1].shape[0] * batch[1].shape[1])

    def num_losses(self, batch: TrainingBatch) -> int:
        return self.num_tokens(batch)

    def inputs(self) -> Inputs:
        return Inputs.of_stream(joined([part.training for part in self.parts]))

    def loss(self, module: Any, batch: TrainingBatch, state: State, step: int = 0) -> BatchLoss:
        """`forecast_loss` and auxiliary losses at all positions of the chunks; the context has neither."""
        context, inputs, targets = on_device(module, batch)
        with torch.no_grad():
            before = observed(module, context, module.initial_state(len(context)))
        outputs, _ = module(inputs, before)  # [B, T, K, F, Q]
        auxiliary = auxiliary_losses(module, outputs, targets, targets.new_ones(targets.shape[:2], dtype=torch.bool))
        loss = forecast_loss(outputs.float(), targets, self.recipe.training.point_loss, self.levels)
        return BatchLoss(loss, state, auxiliary)

    def fit(self, module: Any) -> str:
        """Fit the linear part of a module that has one."""
        return fit_linear_part(module, self.parts, self.horizon, self.season, self.levels)

    def to_beat(self, fitted: Metrics) -> Metrics:
        """The likelihood of the validation rows must rise by more than one nat, as in the criterion of Akaike (1974).

        Windows of a whole horizon count as independent, and columns, which are related, as the root of their number.
        """
        rows = sum(len(part.rows.validation) for part in self.parts)
        windows = rows / self.horizon * math.sqrt(len(self.source.columns))
        first = self.recipe.training.point_loss
        return {first: fitted[first] * math.exp(-(2 if first == "mse" else 1) / windows)}

    def calibrate(self, module: Any) -> None:
        """Give the quantiles of a module with a linear part their levels on the validation rows."""
        calibrate(module, self.parts, self.horizon, self.levels)

    def validate(self, module: Any, group: Group = ALONE) -> Metrics:
        """mse and mae over the whole horizon; the one that the point is trained with comes first."""
        found = averaged(group.interleaved([self._errors(module, part) for part in self.parts[group.rows]]))
        metrics = {name: found[name][str(self.horizon)] for name in ("mse", "mae")}
        first = self.recipe.training.point_loss
        return {first: metrics[first], **metrics}

    def is_perfect(self, metrics: Metrics) -> bool:
        """True if the errors are a hundredth of the series' standard deviation."""
        return bool(metrics["mse"] <= CERTAIN**2)

    def summary(self, metrics: Metrics) -> str:
        listed = ", ".join(f"{name.upper()} {value:.4f}" for name, value in metrics.items())
        return f"{listed} over {counted(self.horizon, 'step')}"

    def measure(self, module: Any) -> Metrics:
        """The errors on the test rows, or on the validation rows if there are none, beside those of the baselines."""
        return averaged(
            [
                measure(module, part.values, part.rows.held_out, training=part.rows.training, season=self.season)
                for part in self.parts
            ]
        )

    def as_measured(self, validation: Metrics) -> Metrics:
        return {name: {str(self.horizon): value} for name, value in validation.items()}

    def table(self, measured: Metrics) -> Table:
        interval = {"interval": self.recipe.training.interval}
        return metrics_table(
            self.recipe.name, measured, interval_summary({**measured, **interval}) if "covered" in measured else ""
        )

    def first_examples(self, number: int) -> list[dict[str, Any]]:
        """The first rows: the series, the time, the values, and the values as the model reads them, normalised."""
        part, columns = self.parts[0], self.source.columns
        rows = zip(self.source.parts[0].values[:number], part.training[:number], strict=True)
        found = []
        for row, (values, normalised) in enumerate(rows):
            labels = {
                **({"series": part.name} if part.name else {}),
                **({"time": part.times[row]} if part.times else {}),
            }
            named = zip((*columns, *(f"{name}, normalised" for name in columns)), (*values, *normalised), strict=True)
            found.append({**labels, **{name: float(f"{value:.6g}") for name, value in named}})
        return found

    def examples(self) -> tuple[str, ...]:
        """The recipe's examples, else the last values of `example`."""
        return self.recipe.defaults.examples or (_as_line(self.example[-SHOWN:]),)

    @property
    def example(self) -> tuple[tuple[float, ...], ...]:
        """The last rows of `beginning`: the module's window or twice the horizon."""
        rows = self.beginning[-self._example_size :].tolist()
        return tuple(tuple(float(f"{value:.{DIGITS}g}") for value in row) for row in rows)

    @property
    def series(self) -> Series:
        """What the checkpoint records about the series."""
        times = tuple(self.beginning_times[-self._example_size :])
        return Series(
            columns=self.source.columns,
            mean=tuple(self.scale.mean.tolist()),
            std=tuple(self.scale.std.tolist()),
            time_column=self.source.time_column,
            example=self.example,
            quantiles=self.levels,
            horizon=self.horizon,
            example_times=times[:NUM_FIRST] if read_times("", times) is not None else (),
            series_column=self.source.series_column,
            scales=tuple(_scale(part) for part in self.parts) if self.source.series_column else (),
            day_first=self.source.day_first,
            fill=self.recipe.data.fill,
        )

    @property
    def _example_size(self) -> int:
        return min(LONGEST_EXAMPLE, max(window_of(self.config), 2 * self.horizon))

    def sample(self, module: Any, registry: Registry) -> str:
        """The end of the example and its forecast."""
        rows = np.array(self.example)
        last = range(len(rows) - 1, len(rows))
        found = forecasts(module, self.scale.normalised(rows), last, min(self.horizon, SHOWN))[0]
        forecast = self.scale.restored(found[..., self.num_quantiles // 2])
        return f"{_as_line(rows[-SHOWN:])} -> {_as_line(forecast)}"

    def _errors(self, module: Any, part: Part) -> Metrics:
        """The errors of a series' validation rows, as `measure` gives them."""
        rows = part.rows.validation
        outputs = forecasts(module, part.values, positions_before(rows), self.horizon)
        found = errors(outputs[..., self.num_quantiles // 2], part.values, rows, (self.horizon,))
        return {**found, "windows": num_windows(rows, (self.horizon,)), "baselines": {}}


def make_objective(recipe: Recipe, architecture: Architecture, config: Any, source: SeriesData) -> ForecastObjective:
    """Create the objective.

    Raises RecipeError for a series that is too short or an architecture that does not forecast.
    """
    width = len(source.columns)
    try:
        with torch.random.fork_rng(devices=[]), torch.inference_mode():
            module = resolve(architecture.model)(config).eval()
            shape = tuple(module(torch.zeros(1, 1, width), module.initial_state(1))[0].shape)
    except (ValueError, RuntimeError) as error:
        raise RecipeError(f"cannot build {architecture.name} with the settings of the recipe: {error}") from None
    if len(shape) != 5 or shape[3] != width or shape[4] % 2 == 0:
        raise RecipeError(
            f"{architecture.name} returns outputs {list(shape)} instead of [1, 1, K, {width}, Q] with an odd Q"
        )
    source, parts = split_series(source, recipe.data, shape[2])
    first = next(part for part in source.parts if part.name == parts[0].name)
    beginning = first.values[: len(parts[0].training)]
    times = items_at(first.times, np.arange(min(len(first.times), len(beginning))))
    if recipe.data.example:
        example = DataSettings(table=recipe.data.example, columns=source.columns)
        beginning, times = read_series(example, recipe.folder).parts[0].values, ()
    return ForecastObjective(recipe, architecture, config, source, parts, beginning, times, shape[2], shape[4])


def _scale(part: Part) -> SeriesScale:
    return SeriesScale(part.name, tuple(part.scale.mean.tolist()), tuple(part.scale.std.tolist()))


def window_of(config: Any) -> int:
    """The number of last values that a module with this config reads; 0 if it says nothing about it."""
    return max(int(getattr(config, name, 0)) for name in ("window", "linear_window"))


def forecast_loss(outputs: Tensor, targets: Tensor, point_loss: str, levels: tuple[float, ...]) -> Tensor:
    """The mean error of the middle output, squared (mse) or absolute (mae), plus the other outputs' pinball losses.

    outputs: [B, T, K, F, Q]; targets: [B, T, K, F]. levels: of the quantiles, [Q]; () for only the point.
    Koenker & Bassett 1978, https://doi.org/10.2307/1913643.
    """
    # The pinball loss weighs errors above the forecast with the level q and errors below it with 1 - q. Its minimum is
    # the q-quantile: there a share q of the values is below.
    middle = outputs.shape[-1] // 2
    error = targets[..., None] - outputs
    loss = error[..., middle].square().mean() if point_loss == "mse" else error[..., middle].abs().mean()
    for number, level in enumerate(levels):
        if number != middle:
            loss = loss + torch.maximum(level * error[..., number], (level - 1) * error[..., number]).mean()
    return loss


def _as_line(rows: Any) -> str:
    """Rows [M, F] as a line that a user may type."""
    return " ".join(exact(float(f"{value:.{DIGITS}g}")) for value in np.asarray(rows).ravel().tolist())


def prepare(recipe: Recipe, registry: Registry, architecture: Architecture) -> Prepared:
    """Read the series."""
    source, parent = read_recipe_series(recipe), open_parent(recipe, registry)
    config = check_config(recipe, architecture, {"num_features": len(source.columns)})
    objective = make_objective(recipe, architecture, config, source)
    values, series = Values(source.columns), objective.series
    return Prepared(recipe, architecture, config, values, None, objective, series=series, parent=parent)
