"""The metrics of forecasts by horizon, with their table and picture.

The error at a horizon h is the mean over all windows of h values inside the evaluated rows, and over their h steps: the
protocol of the Informer (Zhou et al. 2021, https://arxiv.org/abs/2012.07436), with its last, incomplete batch of
windows included.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.events import Table
from seqshell.training.pictures import new_figure, plain_title, write_figure

STEPPED = (1, 6, 12, 24)  # horizons for a model that forecasts one step at a time
TITLES = {"last_value": "last value", "seasonal_naive": "last season", "nlinear": "NLinear, least squares"}


def usual_horizons(longest: int) -> tuple[int, ...]:
    """The horizons to report for a model's own horizon: 1, a quarter, half and all of it."""
    return tuple(sorted({1, max(1, longest // 4), max(1, longest // 2), longest})) if longest > 1 else STEPPED


def errors(
    forecasts: NDArray[Any], values: NDArray[Any], rows: range, horizons: Sequence[int]
) -> dict[str, dict[str, float]]:
    """mse and mae by horizon: means over windows, steps and columns.

    forecasts: [P, H, F] at positions from rows.start - 1, one for each of `rows`; steps after the end of the rows are
    ignored.
    values: [N, F]. Both are normalised. The longest horizon is at most H and len(rows).
    """
    squares, sizes = np.full((2, len(rows), forecasts.shape[1]), np.nan)  # [P, H]
    for step in range(forecasts.shape[1]):
        inside = len(rows) - step  # windows with this step inside the rows
        if inside > 0:
            difference = forecasts[:inside, step].astype(np.float64) - values[rows.start + step : rows.stop]
            squares[:inside, step], sizes[:inside, step] = (difference**2).mean(1), np.abs(difference).mean(1)
    whole = {horizon: len(rows) - horizon + 1 for horizon in horizons}
    return {
        name: {str(horizon): float(found[:number, :horizon].mean()) for horizon, number in whole.items()}
        for name, found in (("mse", squares), ("mae", sizes))
    }


def num_windows(rows: range, horizons: Sequence[int]) -> dict[str, int]:
    """The number of windows by horizon."""
    return {str(horizon): len(rows) - horizon + 1 for horizon in horizons}


def covered(
    low: NDArray[Any], high: NDArray[Any], values: NDArray[Any], rows: range, horizons: Sequence[int]
) -> dict[str, float]:
    """The share of values between low and high, [P, H, F] as for `errors`, by horizon: 0 to 1."""
    shares = {}
    for horizon in horizons:
        number = len(rows) - horizon + 1
        at = rows.start + np.arange(number)[:, None] + np.arange(horizon)
        actual = values[at]  # [P, H, F]
        shares[str(horizon)] = float(((low[:number, :horizon] <= actual) & (actual <= high[:number, :horizon])).mean())
    return shares


def quantile_levels(number: int, interval: float) -> tuple[float, ...]:
    """`number` levels, evenly spaced over the central interval; () for 1, a model that forecasts only the point."""
    if number == 1:
        return ()
    return tuple(round(level, 6) for level in np.linspace(0.5 - interval / 2, 0.5 + interval / 2, number).tolist())


def metrics_table(model: str, measured: Mapping[str, Any], note: str = "") -> Table:
    """mse and mae by horizon: a row for the model, then one for each baseline. note: a second line of its title."""
    horizons = tuple(measured["mse"])
    cells = tuple(
        (name, *(f"{metrics[kind][horizon]:.4f}" for kind in ("mse", "mae") for horizon in horizons))
        for name, metrics in _with_baselines(model, measured).items()
    )
    columns = tuple(f"{kind} {horizon}" for kind in ("MSE", "MAE") for horizon in horizons)
    title = "mean error over the next steps, of values normalised by the training data"
    return Table(("", *columns), cells, "\n".join(filter(None, (title, note))))


def draw_errors(values: Mapping[str, Any]) -> Any:
    """A matplotlib figure with mse and mae by horizon: one curve for the model and one for each baseline."""
    figure = new_figure(10, 5)
    for axes, kind in zip(figure.subplots(1, 2), ("mse", "mae"), strict=True):
        for name, metrics in _with_baselines(values["model"], values).items():
            steps = [int(horizon) for horizon in metrics[kind]]
            axes.plot(steps, list(metrics[kind].values()), "o-", label=plain_title(name))
        axes.set(xlabel="horizon in steps", ylabel=kind.upper(), ylim=(0, None))
        axes.grid(alpha=0.3)
    figure.axes[0].legend()
    figure.suptitle(plain_title(f"{values['model']}: error by horizon, of values normalised by the training data"))
    return figure


def write_png(values: Mapping[str, Any], path: Path) -> None:
    """Write `draw_errors` as a PNG."""
    write_figure(draw_errors(values), path)


def _with_baselines(model: str, measured: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The metrics of the model and of each baseline, by title."""
    titles = dict(TITLES)
    if "season" in measured:
        titles["seasonal_naive"] += f" ({measured['season']} steps)"
    found = measured.get("baselines", {})
    return {model: measured, **{title: found[name] for name, title in titles.items() if name in found}}


def interval_summary(measured: Mapping[str, Any]) -> str:
    """How many of the values are inside the forecast interval, in words."""
    shares = ", ".join(f"{100 * share:.1f} % ({horizon})" for horizon, share in measured["covered"].items())
    return f"values inside the {100 * measured['interval']:.0f} % interval, by horizon: {shares}"
