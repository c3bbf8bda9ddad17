"""The forecasters as plain PyTorch; `graphs` makes their ONNX graphs.

A forecaster over all values has its state as input and output. One with a window or a linear part reads a series of any
length and forecasts what follows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from seqshell.exporting import PlainModel, RecurrentLayers, indented
from seqshell.layers import take
from seqshell_forecaster.config import RECENT, VOLATILITY, ForecasterConfig
from seqshell_forecaster.graphs import ForecasterGraph

Weights = Mapping[str, NDArray[Any]]
CODE = '''\
class Model(nn.Module):
    """A forecaster of {about}

    values: [B, T, {columns}] float32, less their mean and divided by their std, oldest first.{state}
    """

    def __init__(self):
        super().__init__()
{init}
{methods}'''
FORWARD = '''
    def forward(self, values{state}):
        """Returns the forecasts after the last value, [B, {horizon}, {columns}, {quantiles}]{and_state}."""
{lines}
'''
INITIAL_STATE = """
    def initial_state(self, batch_size=1):
{lines}
"""
LINEAR = '''
    def linear_forecast(self, windows, steps):
        """The forecasts of some steps from windows [..., {window}]."""
        last = windows[..., -1:]
        inputs = torch.cat((windows[..., :-1] - last, last), -1)
        return last + functional.linear(inputs, self.linear.weight[steps], self.linear.bias[steps])
'''
RECENT_ERROR = '''
    def recent_error(self, line, num_values, step, ahead):
        """The mean error of the last {recent} forecasts of a step, relative to the usual one, [B, F]."""
        windows = line[:, {horizon} + 1 - ahead : line.shape[1] - ahead].unfold(1, {window}, 1)  # [B, {recent}, F, W]
        forecasts = self.linear_forecast(windows, slice(step, step + 1))[..., 0]
        errors = (line[:, -{recent}:] - forecasts).abs() / self.usual_error[min(step, 1)]
        known = torch.arange({first}, 1) > ahead - num_values
        return errors.where(known[:, None], torch.ones(())).mean(1).clamp({low}, {high})
'''
EXAMPLE = """\
mean, std = torch.tensor(ABOUT["mean"]), torch.tensor(ABOUT["std"])
values = torch.tensor([float(word) for word in words]).view(1, -1, len(mean))
forecasts = {call}[0]  # [K, F, Q]
for row in (forecasts * std[:, None] + mean[:, None]).tolist():
    print("  ".join(" ".join(f"{{quantile:.4f}}" for quantile in column) for column in row))
"""


def export_forecaster(config: ForecasterConfig, weights: Weights) -> PlainModel:
    """forecaster: over all values or a window, with or without a linear part."""
    return _Exported(config, weights).model()


class _Exported:
    """The parts of a forecaster."""

    def __init__(self, config: ForecasterConfig, weights: Weights) -> None:
        prefix = "recurrent." if config.linear_window else ""
        size, features, outputs = config.hidden_size, config.num_features, config.num_features * config.quantiles
        self.config = config
        self.layers = RecurrentLayers.read(
            config.kind,
            weights,
            [f"{prefix}recurrent.{index}." for index in range(config.num_layers)],
            input_size=size if config.window else features,
            hidden_size=size,
        )
        width = outputs * (config.segment if config.window else config.horizon)
        shapes: dict[str, tuple[int, ...]] = {"readout.weight": (width, size), "readout.bias": (width,)}
        if config.window:
            shapes |= {"segment.weight": (size, config.segment * features), "segment.bias": (size,)}
            shapes |= {"places": (config.num_outputs, size)}
        self.weights = {name: take(weights, f"{prefix}{name}", *shape) for name, shape in shapes.items()}
        if config.linear_window:
            shapes = {"linear.weight": (config.horizon, config.linear_window), "linear.bias": (config.horizon,)}
            shapes |= {"scale": (config.horizon, features, config.quantiles), "usual_error": (2, features)}
            self.weights |= {name: take(weights, name, *shape) for name, shape in shapes.items()}

    @property
    def has_state(self) -> bool:
        """Whether a state is passed from step to step."""
        return not (self.config.window or self.config.linear_window)

    def model(self) -> PlainModel:
        """The model without seqshell."""
        call = "model(values, model.initial_state())[0]" if self.has_state else "model(values)"
        example = EXAMPLE.format(call=call.replace("values", "(values - mean) / std"))
        weights = {**self.layers.weights("recurrent"), **self.weights}
        graph = ForecasterGraph(self.config, self.layers, self.weights, self._about())
        return PlainModel(self._code(), weights, example, {"": graph.graph})

    def _about(self) -> str:
        config = self.config
        ahead = f"the next {config.horizon} values" if config.horizon > 1 else "the next value"
        return f"{ahead} of {config.num_features} column{'s' * (config.num_features > 1)}."

    def _code(self) -> str:
        config = self.config
        names: dict[str, Any] = {"columns": config.num_features, "horizon": config.horizon, "recent": RECENT}
        names |= {"quantiles": config.quantiles, "window": config.linear_window, "first": 1 - RECENT}
        names |= {"low": VOLATILITY[0], "high": VOLATILITY[1]}
        methods = FORWARD.format(
            **names,
            state=", state" if self.has_state else "",
            and_state=" and the state" if self.has_state else "",
            lines=indented([*self._recurrent_part(), *self._quantiles(), *self._residual(), self._returned()], 2),
        )
        if self.has_state:
            methods = INITIAL_STATE.format(lines=indented(self.layers.initial_state(), 2)) + methods
        if config.linear_window:
            methods += LINEAR.format(**names) + (RECENT_ERROR.format(**names) if config.quantiles > 1 else "")
        state = "" if not self.has_state else " state: as initial_state makes it."
        init = indented(self._init(), 2)
        return CODE.format(about=self._about(), columns=config.num_features, state=state, init=init, methods=methods)

    def _init(self) -> list[str]:
        """The lines of __init__."""
        config, shapes = self.config, {name: list(value.shape) for name, value in self.weights.items()}
        lines = [*self.layers.init("recurrent")]
        for name in ("segment", "readout", "linear"):
            if f"{name}.weight" in shapes:
                outputs, inputs = shapes[f"{name}.weight"]
                lines.append(f"self.{name} = nn.Linear({inputs}, {outputs})")
        if config.window:
            lines.append(f"self.places = nn.Parameter(torch.zeros({shapes['places']}))")
        if config.linear_window:
            lines += [
                f'self.register_buffer("{each}", torch.ones({shapes[each]}))' for each in ("scale", "usual_error")
            ]
        return lines

    def _recurrent_part(self) -> list[str]:
        """The lines that compute `raw` [B, K, F, Q], and `last` [B, 1, F, 1]."""
        config = self.config
        lines = ["last = values[:, -1, None, :, None]  # [B, 1, F, 1]"]
        if self.has_state:
            lines += ["inputs = values", *self.layers.run("recurrent")]
        elif not config.window:
            lines.append("hidden, _ = self.recurrent(values)")
        if not config.window:
            sizes = f"-1, {config.horizon}, {config.num_features}, {config.quantiles}"
            return [*lines, f"raw = self.readout(hidden[:, -1]).view({sizes})"]
        less = " - values[:, -1:]" if config.subtract_last else ""
        num_segments, width = config.window // config.segment, config.segment * config.num_features
        state = "[part.repeat_interleave({0}, 1) for part in state]" if self.layers.num_states == 2 else None
        return [
            *lines,
            f"filled = values[:, :1].expand(-1, {config.window}, -1)  # what is missing at the beginning",
            f"window = torch.cat((filled, values), 1)[:, -{config.window}:]{less}",
            f"segments = window.reshape(-1, {num_segments}, {width})",
            "_, state = self.recurrent(torch.relu(self.segment(segments)))",
            "# One step for each segment of the horizon, all from the same state.",
            f"state = {(state or 'state.repeat_interleave({0}, 1)').format(config.num_outputs)}",
            "hidden, _ = self.recurrent(self.places.repeat(len(values), 1).unsqueeze(1), state)",
            f"raw = self.readout(hidden).view(len(values), -1, {config.num_features}, {config.quantiles})",
            f"raw = raw[:, :{config.horizon}]",
        ]

    def _quantiles(self) -> list[str]:
        """The lines that compute `point` [B, K, F, 1] and, with several quantiles, `low` and `high`, the distances."""
        middle = self.config.quantiles // 2
        # With a linear part, the recurrent one forecasts the change.
        added = " + last" if self.config.subtract_last and not self.config.linear_window else ""
        lines = [f"point = raw[..., {middle} : {middle + 1}]{added}"]
        if middle:
            lines.append("# Softplus gives the distances between neighbouring quantiles, so that they never cross.")
            lines.append(f"low = functional.softplus(raw[..., :{middle}]).flip(-1).cumsum(-1).flip(-1)")
            lines.append(f"high = functional.softplus(raw[..., {middle + 1} :]).cumsum(-1)")
        return lines

    def _residual(self) -> list[str]:
        """The lines that add the linear part."""
        config, middle = self.config, self.config.quantiles // 2
        if not config.linear_window:
            return []
        filled = config.num_values + 1
        lines = [
            f"line = torch.cat((values[:, :1].expand(-1, {filled}, -1), values), 1)[:, -{filled}:]",
            f"windows = line[:, -{config.linear_window}:].transpose(1, 2)  # [B, F, W]",
            "linear = self.linear_forecast(windows, slice(None))  # [B, F, K]",
            f"point = linear.transpose(1, 2).unsqueeze(-1) + self.scale[..., {middle} : {middle + 1}] * point",
        ]
        if middle:
            lines += [
                "# Intervals are wider after large errors: between those of the first and of the last step.",
                "first = self.recent_error(line, values.shape[1], 0, 1)",
                f"final = self.recent_error(line, values.shape[1], {config.horizon - 1}, {config.horizon})",
                f"share = torch.linspace(0, 1, {config.horizon})[:, None]",
                "wider = torch.lerp(first[:, None], final[:, None], share).unsqueeze(-1)  # [B, K, F, 1]",
                f"low = self.scale[..., :{middle}] * wider * low",
                f"high = self.scale[..., {middle + 1} :] * wider * high",
            ]
        return lines

    def _returned(self) -> str:
        found = "torch.cat((point - low, point, point + high), -1)" if self.config.quantiles > 1 else "point"
        return f"return {found}, state" if self.has_state else f"return {found}"
