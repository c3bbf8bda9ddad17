"""The objective of a forecasting model: batches of a series from anywhere in its training rows, and at every position the steps that followed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seqshell.core.errors import RecipeError
from seqshell.core.events import Table
from seqshell.core.model import Architecture, Series
from seqshell.core.series_tokenizer import Values
from seqshell.core.state import State
from seqshell.core.text_output import exact
from seqshell.host import Registry, resolve
from seqshell.models.series_header import LONGEST_EXAMPLE
from seqshell.training.forecasting.baselines import find_season
from seqshell.training.forecasting.data import Numbers, RowSplit, Scale, SeriesData, read_series, scale_of, split_rows
from seqshell.training.forecasting.evaluation import forecasts, measure, observed, positions_before
from seqshell.training.forecasting.metrics import errors, metrics_table, quantile_levels
from seqshell.training.objective import Metrics, TrainingBatch
from seqshell.training.optimizer import on_device
from seqshell.training.preparation import Prepared, check_config
from seqshell.training.recipes.recipe import Recipe

SHOWN = 8  # values of a sample, and of an example where the recipe has none
DIGITS = 4  # to which an example's values are rounded


@dataclass(frozen=True)
class ForecastObjective:
    """A series, its rows split by time. Everything that is learnt, mean and standard deviation too, comes from the training rows alone.

    beginning: [M, F], values to begin with. horizon, num_quantiles: K and Q of the module's outputs.
    """

    recipe: Recipe
    architecture: Architecture
    config: Any
    source: SeriesData
    parts: RowSplit
    beginning: Numbers
    horizon: int
    num_quantiles: int

    num_orders = 2**31

    @property
    def data(self) -> dict[str, Any]:
        """season: of the baseline."""
        return {"name": self.source.name, "sha256": self.source.sha256, "season": self.season}

    @property
    def split(self) -> dict[str, int]:
        """Rows of each part, one after the other."""
        parts = {"training": self.parts.training, "validation": self.parts.validation, "test": self.parts.test}
        return {name: len(rows) for name, rows in parts.items()}

    @property
    def description(self) -> str:
        sizes = self.split
        told = f"{sizes['training']:,} rows of {', '.join(self.source.columns)} to train on, {sizes['validation']:,} to validate"
        told += f", {sizes['test']:,} to test" if sizes["test"] else ""
        fitted, wanted = (self.batch_size, self.length), self.recipe.training
        if fitted != (wanted.batch_size, wanted.sequence_length):
            told += f"\nthe series is short: batches of {fitted[0]} x {fitted[1]} rows fit it"
        return told + (f"\n{self.source.note}" if self.source.note else "")

    @cached_property
    def scale(self) -> Scale:
        return scale_of(self.source.values[: self.parts.training.stop])

    @cached_property
    def values(self) -> Any:
        """[N, F], normalised."""
        return self.scale.normalised(self.source.values)

    @cached_property
    def season(self) -> int:
        return find_season(self.values[: self.parts.training.stop])

    @property
    def levels(self) -> tuple[float, ...]:
        return quantile_levels(self.num_quantiles, self.recipe.training.interval)

    @property
    def num_positions(self) -> int:
        """Training rows after which a whole horizon of training rows follows."""
        return len(self.parts.training) - self.horizon

    @property
    def length(self) -> int:
        """Positions of a batch at which something is learnt."""
        return max(1, min(self.recipe.training.sequence_length, self.num_positions // 4))

    @property
    def batch_size(self) -> int:
        return max(1, min(self.recipe.training.batch_size, self.num_positions // self.length))

    @property
    def context(self) -> int:
        """Rows that are read before a batch, for its state alone: as many as a window holds, at least as many as the batch has."""
        return max(self.length, int(getattr(self.config, "window", 0)))

    @property
    def num_batches(self) -> int:
        return -(-(self.num_positions // self.length) // self.batch_size)

    def initial_state(self, module: Any) -> State:
        """Nothing is carried: each batch has its own context."""
        return ()

    def batches(self, order: int, first: int = 0) -> Iterator[TrainingBatch]:
        """(context [B, C, F], inputs [B, T, F], targets [B, T, K, F]), each row from another place, all places in an epoch once.

        Before the first training row, that row stands in the context; so does, in the share of the rows that `state_zeroing` names, the first of
        the inputs or one a little before it: the beginning of a series of its own.
        """
        draws = np.random.default_rng((self.recipe.training.seed, order))
        spare = self.num_positions % self.length
        starts = draws.permutation(
            np.arange(draws.integers(spare + 1), self.num_positions - self.length + 1, self.length)
        )
        forgotten = draws.random(len(starts)) < self.recipe.training.state_zeroing
        begins = np.where(forgotten, np.maximum(starts - draws.integers(self.context + 1, size=len(starts)), 0), 0)
        for number in range(first, self.num_batches):
            some = slice(number * self.batch_size, (number + 1) * self.batch_size)
            start, begin = starts[some, None], begins[some, None]
            places = start + np.arange(self.length)  # [B, T]
            before = np.maximum(start + np.arange(-self.context, 0), begin)  # [B, C]
            yield (
                self.values[before],
                self.values[places],
                self.values[places[..., None] + np.arange(1, self.horizon + 1)],
            )

    def num_tokens(self, batch: TrainingBatch) -> int:
        return int(batch[1].shape[0] * batch[1].shape[1])

    def num_losses(self, batch: TrainingBatch) -> int:
        return self.num_tokens(batch)

    def loss(self, module: Any, batch: TrainingBatch, state: State, step: int = 0) -> tuple[Tensor, State]:
        """The point by its squared or absolute error, as the recipe has it, the other quantiles by their pinball losses beside it."""
        context, inputs, targets = on_device(module, batch)
        with torch.no_grad():
            before = observed(module, context, module.initial_state(len(context)))
        outputs, _ = module(inputs, before)  # [B, T, K, F, Q]
        return forecast_loss(outputs.float(), targets, self.recipe.training.point_loss, self.levels), state

    def validate(self, module: Any) -> Metrics:
        """mse and mae of the whole horizon, that which is learnt first."""
        return self._judge(module, self.parts.validation)

    def summary(self, metrics: Metrics) -> str:
        return (
            ", ".join(f"{name.upper()} {value:.4f}" for name, value in metrics.items())
            + f" over {_steps(self.horizon)}"
        )

    def measure(self, module: Any) -> Metrics:
        """On the rows to test on, where there are any."""
        training = self.parts.training
        return measure(module, self.values, self.parts.judged, training=training, season=self.season)

    def as_measured(self, validation: Metrics) -> Metrics:
        return {name: {str(self.horizon): value} for name, value in validation.items()}

    def table(self, measured: Metrics) -> Table:
        return metrics_table(self.recipe.name, measured)

    def examples(self) -> tuple[str, ...]:
        """The recipe's examples, else the last values of the example."""
        return self.recipe.defaults.examples or (_as_line(self.example[-SHOWN:]),)

    @property
    def example(self) -> tuple[tuple[float, ...], ...]:
        """As many rows as a window holds, or twice the horizon, of the values to begin with."""
        size = min(LONGEST_EXAMPLE, max(int(getattr(self.config, "window", 0)), 2 * self.horizon))
        return tuple(tuple(float(f"{value:.{DIGITS}g}") for value in row) for row in self.beginning[-size:].tolist())

    @property
    def series(self) -> Series:
        """What the checkpoint says of itself."""
        return Series(
            columns=self.source.columns,
            mean=tuple(self.scale.mean.tolist()),
            std=tuple(self.scale.std.tolist()),
            time_column=self.recipe.data.time_column,
            example=self.example,
            quantiles=self.levels,
            horizon=self.horizon,
        )

    def sample(self, module: Any, registry: Registry) -> str:
        """The end of the example, and what the module sees coming."""
        rows = np.array(self.example)
        found = forecasts(
            module, self.scale.normalised(rows), range(len(rows) - 1, len(rows)), min(self.horizon, SHOWN)
        )[0]
        coming = self.scale.restored(found[..., self.num_quantiles // 2])
        return f"{_as_line(rows[-SHOWN:])} -> {_as_line(coming)}"

    def _judge(self, module: Any, rows: range) -> Metrics:
        outputs = forecasts(module, self.values, positions_before(rows), self.horizon)
        found = errors(outputs[..., self.num_quantiles // 2], self.values, rows, (self.horizon,))
        metrics = {name: by_horizon[str(self.horizon)] for name, by_horizon in found.items()}
        first = self.recipe.training.point_loss
        return {first: metrics[first], **metrics}


def make_objective(recipe: Recipe, architecture: Architecture, config: Any, source: SeriesData) -> ForecastObjective:
    """The objective of a recipe and its series. RecipeError when the series is too short, or the architecture gives no forecasts."""
    width = len(source.columns)
    try:
        with torch.random.fork_rng(devices=[]), torch.inference_mode():
            module = resolve(architecture.model)(config).eval()
            shape = tuple(module(torch.zeros(1, 1, width), module.initial_state(1))[0].shape)
    except (ValueError, RuntimeError) as error:
        raise RecipeError(f"{architecture.name} cannot be built as the recipe wants it: {error}") from None
    if len(shape) != 5 or shape[3] != width or shape[4] % 2 == 0:
        raise RecipeError(
            f"{architecture.name} gives outputs {list(shape)} instead of [1, 1, K, {width}, Q] with an odd Q"
        )
    parts = split_rows(recipe.data, source.name, len(source), shape[2])
    beginning = source.values[: parts.training.stop]
    if recipe.data.example:
        beginning = read_series(recipe.data.example, source.columns, folder=recipe.folder).values
    return ForecastObjective(recipe, architecture, config, source, parts, beginning, shape[2], shape[4])


def forecast_loss(outputs: Tensor, targets: Tensor, point_loss: str, levels: tuple[float, ...]) -> Tensor:
    """outputs: [B, T, K, F, Q]; targets: [B, T, K, F]. levels: of the quantiles, [Q]; empty where there is the point alone.

    The mean squared (mse) or absolute (mae) error of the middle one, and the mean pinball loss of each of the others added to it
    (Koenker & Bassett 1978, https://doi.org/10.2307/1913643).
    """
    middle = outputs.shape[-1] // 2
    apart = targets[..., None] - outputs
    loss = apart[..., middle].square().mean() if point_loss == "mse" else apart[..., middle].abs().mean()
    for number, level in enumerate(levels):
        if number != middle:
            loss = loss + torch.maximum(level * apart[..., number], (level - 1) * apart[..., number]).mean()
    return loss


def _as_line(rows: Any) -> str:
    """Rows [M, F] as one may type them."""
    return " ".join(exact(float(f"{value:.{DIGITS}g}")) for value in np.asarray(rows).ravel().tolist())


def _steps(number: int) -> str:
    return f"{number} steps" if number > 1 else "1 step"


def prepare(recipe: Recipe, registry: Registry, architecture: Architecture) -> Prepared:
    """Read the series."""
    data = recipe.data
    source = read_series(data.table, data.columns, data.time_column, folder=recipe.folder, origin=data.origin)
    config = check_config(recipe, architecture, {"num_features": len(source.columns)})
    objective = make_objective(recipe, architecture, config, source)
    return Prepared(recipe, architecture, config, Values(source.columns), None, objective, series=objective.series)
