"""The ONNX graphs of the forecasters; the same computation as the code in `exporting`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.exporting import Graph, RecurrentLayers
from seqshell_forecaster.config import RECENT, VOLATILITY, ForecasterConfig

END = 2**31  # of a slice


class ForecasterGraph:
    """A forecaster: its recurrent layers, and its other weights by the names of `exporting`."""

    def __init__(
        self, config: ForecasterConfig, layers: RecurrentLayers, weights: Mapping[str, NDArray[Any]], about: str
    ) -> None:
        self.config, self.layers, self.weights, self.about = config, layers, weights, about

    def graph(self) -> Graph:
        """values [B, T, F] to forecasts [B, K, F, Q]; a forecaster over all values also passes its state on."""
        config, layers = self.config, self.layers
        self.g = g = Graph("forecaster", f"A forecaster of {self.about}")
        values = g.input("values", "float32", "batch", "time", config.num_features)
        last = self._slice(values, -1, END, 1)  # [B, 1, F]
        names = () if config.window or config.linear_window else ("hidden", "cell")[: layers.num_states]
        sizes = len(layers.layers), "batch", layers.hidden_size
        states = [g.input(name, "float32", *sizes) for name in names]
        after: tuple[str, ...] = ()
        if config.window:
            raw = self._over_window(values, last)
        else:
            hidden, after = layers.add_to(g, values, states)
            raw = self._readout(self._slice(hidden, -1, END, 1))
        forecasts = self._with_quantiles(raw, values, last)
        g.output(forecasts, "forecasts", "float32", "batch", config.horizon, config.num_features, config.quantiles)
        for value, name in zip(after, names, strict=bool(names)):
            g.output(value, f"new_{name}", "float32", *sizes)
        return g

    def _slice(self, value: str, start: int, end: int, axis: int) -> str:
        return self.g.add("Slice", value, *map(self.g.integers, (start, end, axis)))

    def _linear(self, inputs: str, name: str) -> str:
        product = self.g.add("MatMul", inputs, self.g.constant(self.weights[f"{name}.weight"].T))
        return self.g.add("Add", product, self.g.constant(self.weights[f"{name}.bias"]))

    def _readout(self, hidden: str) -> str:
        """[B, K, F, Q]; hidden: one vector of a row, or one for each segment."""
        config = self.config
        sizes = self.g.integers(0, -1, config.num_features, config.quantiles)
        return self._slice(self.g.add("Reshape", self._linear(hidden, "readout"), sizes), 0, config.horizon, 1)

    def _filled(self, values: str, size: int) -> str:
        """The last values [B, size, F], the missing ones filled with the first."""
        repeated = self.g.add("Tile", self._slice(values, 0, 1, 1), self.g.integers(1, size, 1))
        return self._slice(self.g.add("Concat", repeated, values, axis=1), -size, END, 1)

    def _over_window(self, values: str, last: str) -> str:
        config, g, size = self.config, self.g, self.config.hidden_size
        window = self._filled(values, config.window)
        if config.subtract_last:
            window = g.add("Sub", window, last)
        width = config.segment * config.num_features
        segments = g.add("Reshape", window, g.integers(0, config.window // config.segment, width))
        _, states = self.layers.add_to(g, g.add("Relu", self._linear(segments, "segment")))
        repeats, sizes = g.integers(1, 1, config.num_outputs, 1), g.integers(0, -1, size)
        repeated = [
            g.add("Reshape", g.add("Tile", g.add("Unsqueeze", each, g.integers(2)), repeats), sizes) for each in states
        ]  # [L, B P, H]
        rows = g.add("Shape", values, start=0, end=1)
        places = g.add("Tile", g.constant(self.weights["places"]), g.add("Concat", rows, g.integers(1), axis=0))
        hidden, _ = self.layers.add_to(g, g.add("Unsqueeze", places, g.integers(1)), repeated)  # [B P, 1, H]
        return self._readout(g.add("Reshape", hidden, g.integers(-1, config.num_outputs, size)))

    def _with_quantiles(self, raw: str, values: str, last: str) -> str:
        config, g, middle = self.config, self.g, self.config.quantiles // 2
        axis = g.constant(-1, "int64")
        point = self._slice(raw, middle, middle + 1, -1)  # [B, K, F, 1]
        low, high = (
            (
                g.add("CumSum", g.add("Softplus", self._slice(raw, 0, middle, -1)), axis, reverse=1),
                g.add("CumSum", g.add("Softplus", self._slice(raw, middle + 1, END, -1)), axis),
            )
            if middle
            else ("", "")
        )
        if config.linear_window:
            line = self._filled(values, config.num_values + 1)
            point, wider = self._residual(point, line, values)
            scale = self.weights["scale"]
            if middle:
                low = g.add("Mul", g.add("Mul", low, g.constant(scale[..., :middle])), wider)
                high = g.add("Mul", g.add("Mul", high, g.constant(scale[..., middle + 1 :])), wider)
        elif config.subtract_last:
            point = g.add("Add", point, g.add("Unsqueeze", last, g.integers(-1)))
        if not middle:
            return point
        return g.add("Concat", g.add("Sub", point, low), point, g.add("Add", point, high), axis=-1)

    def _residual(self, change: str, line: str, values: str) -> tuple[str, str]:
        """The point forecasts [B, K, F, 1] and, with several quantiles, the factor of the distances."""
        config, g, middle = self.config, self.g, self.config.quantiles // 2
        windows = g.add("Transpose", self._slice(line, -config.linear_window, END, 1), perm=[0, 2, 1])  # [B, F, W]
        linear = g.add("Transpose", self._forecast(windows, slice(None)), perm=[0, 2, 1])
        scaled = g.add("Mul", change, g.constant(self.weights["scale"][..., middle : middle + 1]))
        point = g.add("Add", g.add("Unsqueeze", linear, g.integers(-1)), scaled)
        if not middle:
            return point, ""
        first = self._recent_error(line, values, 0, 1)  # [B, 1, F]
        final = self._recent_error(line, values, config.horizon - 1, config.horizon)
        share = g.constant(np.linspace(0, 1, config.horizon)[:, None])  # [K, 1]
        wider = g.add("Add", first, g.add("Mul", g.add("Sub", final, first), share))  # [B, K, F]
        return point, g.add("Unsqueeze", wider, g.integers(-1))

    def _forecast(self, windows: str, steps: slice) -> str:
        """The linear forecasts of some steps from windows [..., W]."""
        g, weight, bias = self.g, self.weights["linear.weight"][steps], self.weights["linear.bias"][steps]
        last = self._slice(windows, -1, END, -1)
        inputs = g.add("Concat", g.add("Sub", self._slice(windows, 0, -1, -1), last), last, axis=-1)
        product = g.add("Add", g.add("MatMul", inputs, g.constant(weight.T)), g.constant(bias))
        return g.add("Add", product, last)

    def _recent_error(self, line: str, values: str, step: int, ahead: int) -> str:
        """The mean error of the last forecasts of a step, relative to the usual one, [B, 1, F]."""
        config, g = self.config, self.g
        places = np.arange(RECENT)[:, None] + np.arange(config.linear_window) + config.horizon + 1 - ahead
        windows = g.add("Gather", line, g.constant(places, "int64"), axis=1)  # [B, RECENT, W, F]
        windows = g.add("Transpose", windows, perm=[0, 1, 3, 2])
        forecasts = g.add("Squeeze", self._forecast(windows, slice(step, step + 1)), g.integers(-1))
        errors = g.add("Abs", g.add("Sub", self._slice(line, -RECENT, END, 1), forecasts))
        errors = g.add("Div", errors, g.constant(self.weights["usual_error"][min(step, 1)]))
        unknown = g.add("Sub", g.integers(ahead), g.add("Shape", values, start=1, end=2))
        known = g.add("Greater", g.constant(np.arange(1 - RECENT, 1)[:, None], "int64"), unknown)  # [RECENT, 1]
        mean = g.add("ReduceMean", g.add("Where", known, errors, g.constant(1.0)), g.integers(1), keepdims=1)
        return g.add("Clip", mean, *map(g.constant, VOLATILITY))
