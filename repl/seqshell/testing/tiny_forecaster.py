"""Small forecasters with seeded random weights: an Elman network over values, as a model and as a checkpoint."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.model import Model, Series
from seqshell.core.series_tokenizer import Values
from seqshell.core.state import State
from seqshell.core.tasks import Task
from seqshell.models.series_header import series_json
from seqshell.testing.tiny_file import write_tiny

EXAMPLE = (10.0, 10.5, 11.5, 11.0, 10.0, 9.5, 9.0, 9.5)  # observed values of the first column


class TinyForecaster:
    """h = tanh(E x + U h); the point forecast is x + R h; the quantiles are further apart at later steps.

    State: one float32 array [B, H].
    """

    def __init__(
        self, num_features: int, horizon: int, num_quantiles: int = 1, hidden_size: int = 8, seed: int = 0
    ) -> None:
        random = np.random.default_rng(seed)
        self.embedding = random.normal(0, 1, (num_features, hidden_size)).astype(np.float32)
        self.recurrent = random.normal(0, 1 / np.sqrt(hidden_size), (hidden_size, hidden_size)).astype(np.float32)
        self.readout = random.normal(0, 1 / hidden_size, (hidden_size, horizon * num_features)).astype(np.float32)
        self.spread = (
            0.5
            * np.sqrt(np.arange(1, horizon + 1, dtype=np.float32))[:, None, None]
            * (  # [K, 1, Q]
                np.arange(num_quantiles, dtype=np.float32) - num_quantiles // 2
            )
        )

    def initial_state(self, batch_size: int = 1) -> State:
        """[batch_size, H] zeros."""
        return np.zeros((batch_size, self.recurrent.shape[0]), np.float32)

    def step(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs: [B, F]. Returns forecasts [B, K, F, Q], state [B, H]."""
        hidden = np.tanh(inputs @ self.embedding + state @ self.recurrent)
        points = inputs[:, None] + (hidden @ self.readout).reshape(len(inputs), -1, inputs.shape[1])  # [B, K, F]
        return points[..., None] + self.spread, hidden

    def feed(self, inputs: NDArray[Any], state: State) -> tuple[NDArray[Any], State]:
        """inputs: [B, T, F]. Returns the forecasts [B, K, F, Q] after the last, state [B, H]."""
        for step in range(inputs.shape[1]):
            outputs, state = self.step(inputs[:, step], state)
        return outputs, state


def tiny_forecast_model(
    columns: Sequence[str] = ("value",),
    *,
    horizon: int = 4,
    quantiles: Sequence[float] = (0.1, 0.5, 0.9),
    seed: int = 0,
    hidden_size: int = 8,
    mean: float = 10.0,
    std: float = 2.0,
) -> Model:
    """Create a model with random weights that forecasts `columns`, normalised by one mean and standard deviation.

    horizon: steps per call; 1: it continues from its own forecasts. quantiles: empty for point forecasts.
    """
    decoder = TinyForecaster(len(columns), horizon, max(1, len(quantiles)), hidden_size, seed)
    series = _series(columns, horizon, quantiles, mean, std)
    fingerprint = hashlib.sha256(f"{series} {seed} {hidden_size}".encode()).hexdigest()
    parameters = sum(weights.size for weights in (decoder.embedding, decoder.recurrent, decoder.readout))
    return Model(
        "tiny",
        Task.FORECAST,
        "elman_forecaster",
        decoder,
        Values(series.columns),
        fingerprint,
        num_parameters=parameters,
        series=series,
    )


def tiny_forecast_checkpoint(
    path: str | Path,
    columns: Sequence[str] = ("value",),
    *,
    horizon: int = 4,
    quantiles: Sequence[float] = (0.1, 0.5, 0.9),
    seed: int = 0,
    hidden_size: int = 8,
    mean: float = 10.0,
    std: float = 2.0,
    defaults: Mapping[str, Any] | None = None,
    about: str = "",
    examples: Sequence[str] = (),
) -> Path:
    """Write a checkpoint of the architecture `forecaster`, without torch. Returns its path."""
    random = np.random.default_rng(seed)
    num_features, num_quantiles, size = len(columns), max(1, len(quantiles)), hidden_size
    outputs = horizon * num_features * num_quantiles
    weights = {
        "recurrent.0.weight_ih_l0": random.normal(0, 1, (size, num_features)),
        "recurrent.0.weight_hh_l0": random.normal(0, 1 / np.sqrt(size), (size, size)),
        "recurrent.0.bias_ih_l0": np.zeros(size),
        "recurrent.0.bias_hh_l0": np.zeros(size),
        "readout.weight": random.normal(0, 1 / size, (outputs, size)),
        "readout.bias": np.zeros(outputs),
    }
    sizes = {"num_features": num_features, "hidden_size": size, "horizon": horizon, "quantiles": num_quantiles}
    series = _series(columns, horizon, quantiles, mean, std)
    values = Values(series.columns)
    return write_tiny(
        path,
        weights,
        architecture="forecaster",
        owner="forecaster",
        task=str(Task.FORECAST),
        config={"cell": "rnn", **sizes},
        tokenizer={"name": values.name, **values.to_json()},
        series=series_json(series),
        defaults=defaults,
        about=about,
        examples=examples,
    )


def _series(columns: Sequence[str], horizon: int, quantiles: Sequence[float], mean: float, std: float) -> Series:
    size = len(columns)
    example = tuple(tuple(value + column for column in range(size)) for value in EXAMPLE)
    return Series(
        tuple(columns), (mean,) * size, (std,) * size, example=example, quantiles=tuple(quantiles), horizon=horizon
    )
