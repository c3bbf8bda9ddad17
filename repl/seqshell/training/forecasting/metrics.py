"""How far forecasts are from what came, by horizon, as numbers and as a table.

The figure of a horizon h counts every window of which all h values lie in the rows that are judged, and each of its h steps alike: the
protocol of the Informer (Zhou et al. 2021, https://arxiv.org/abs/2012.07436) with its last batch of windows counted too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.events import Table
from seqshell.training.pictures import new_figure, plain_title, write_figure

STEPPED = (1, 6, 12, 24)  # horizons of a model that forecasts one step at a time, and has none of its own
TITLES = {"last_value": "last value", "seasonal_naive": "last season", "nlinear": "NLinear, least squares"}


def usual_horizons(longest: int) -> tuple[int, ...]:
    """Those that are told of a model with this one: 1, a quarter, a half and all of it."""
    return tuple(sorted({1, max(1, longest // 4), max(1, longest // 2), longest})) if longest > 1 else STEPPED


def errors(
    forecasts: NDArray[Any], values: NDArray[Any], judged: range, horizons: Sequence[int]
) -> dict[str, dict[str, float]]:
    """mse and mae by horizon, each means over windows, steps and columns.

    forecasts: [P, H, F] from the position judged.start - 1 on, one for each row that is judged; those of windows that reach beyond its end are
    not looked at. values: [N, F]. Both normalised. The longest horizon is at most H and len(judged).
    """
    squares, sizes = np.full((2, len(judged), forecasts.shape[1]), np.nan)  # [P, H]
    for step in range(forecasts.shape[1]):
        inside = len(judged) - step  # windows whose step lies in the judged rows
        if inside > 0:
            apart = forecasts[:inside, step].astype(np.float64) - values[judged.start + step : judged.stop]
            squares[:inside, step], sizes[:inside, step] = (apart**2).mean(1), np.abs(apart).mean(1)
    whole = {horizon: len(judged) - horizon + 1 for horizon in horizons}
    return {
        name: {str(horizon): float(found[:number, :horizon].mean()) for horizon, number in whole.items()}
        for name, found in (("mse", squares), ("mae", sizes))
    }


def num_windows(judged: range, horizons: Sequence[int]) -> dict[str, int]:
    """How many windows each horizon's figure counts."""
    return {str(horizon): len(judged) - horizon + 1 for horizon in horizons}


def covered(
    low: NDArray[Any], high: NDArray[Any], values: NDArray[Any], judged: range, horizons: Sequence[int]
) -> dict[str, float]:
    """The share of values between low and high, [P, H, F] as of `errors`, by horizon: 0 to 1."""
    shares = {}
    for horizon in horizons:
        number = len(judged) - horizon + 1
        rows = judged.start + np.arange(number)[:, None] + np.arange(horizon)
        came = values[rows]  # [P, H, F]
        shares[str(horizon)] = float(((low[:number, :horizon] <= came) & (came <= high[:number, :horizon])).mean())
    return shares


def quantile_levels(number: int, interval: float) -> tuple[float, ...]:
    """So many levels, evenly from the lower end of the interval to the upper one, the middle one .5; none of a model that gives the point alone."""
    if number == 1:
        return ()
    return tuple(round(level, 6) for level in np.linspace(0.5 - interval / 2, 0.5 + interval / 2, number).tolist())


def metrics_table(model: str, measured: Mapping[str, Any]) -> Table:
    """mse and mae by horizon: a row for the model, then one for each baseline."""
    horizons = tuple(measured["mse"])
    cells = tuple(
        (name, *(f"{metrics[kind][horizon]:.4f}" for kind in ("mse", "mae") for horizon in horizons))
        for name, metrics in _with_baselines(model, measured).items()
    )
    columns = tuple(f"{kind} {horizon}" for kind in ("MSE", "MAE") for horizon in horizons)
    return Table(("", *columns), cells, "mean error of the next steps, in standard deviations of the training data")


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
    figure.suptitle(plain_title(f"{values['model']}: error by horizon, in standard deviations of the training data"))
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
    """How often what came lay in the interval."""
    shares = ", ".join(f"{100 * share:.1f} % ({horizon})" for horizon, share in measured["covered"].items())
    return f"the interval of {100 * measured['interval']:.0f} % held of what came, by horizon: {shares}"
