"""The settings of the architecture forecaster."""

from __future__ import annotations

from dataclasses import dataclass

from seqshell import setting

# The mean error of a linear part's RECENT last forecasts, relative to the usual one and clipped, scales intervals.
RECENT = 24
VOLATILITY = (1 / 16, 16.0)


@dataclass(frozen=True)
class ForecasterConfig:
    """Settings of forecaster. num_features, the number of columns, is filled in from the data."""

    num_features: int
    cell: str = setting("gru", choices=("rnn", "lstm", "gru"), help="kind of recurrent layer")
    hidden_size: int = setting(
        64, low=1, high=65_536, help="size of each layer's hidden state and of the segment embeddings"
    )
    num_layers: int = setting(1, low=1, high=64, help="number of recurrent layers")
    horizon: int = setting(
        24,
        low=1,
        high=10_000,
        help="number of steps to forecast at once; 1: each forecast is fed back as the next input",
    )
    window: int = setting(
        0,
        low=0,
        high=100_000,
        neutral=0,
        help="number of last values a forecast is made from; 0: all values so far, in a recurrent state",
    )
    segment: int = setting(
        24, low=1, high=100_000, help="with a window: number of values read, and forecast, per recurrent step"
    )
    linear_window: int = setting(
        0,
        low=0,
        high=100_000,
        neutral=0,
        help="number of last values of a linear forecast, which the recurrent part corrects; 0: no linear part",
    )
    quantiles: int = setting(
        1,
        low=1,
        high=99,
        neutral=1,
        help="odd number of quantiles, the middle one is the forecast; 1: only the forecast",
    )
    subtract_last: bool = setting(
        True, help="forecast differences from the last value; with a window, subtract it from the inputs too"
    )
    dropout: float = setting(
        0.0, low=0, high=0.99, neutral=0.0, help="dropout of each recurrent layer's outputs, in training"
    )

    def __post_init__(self) -> None:
        if self.num_features < 1:
            raise ValueError(f"num_features must be at least 1, not {self.num_features}")
        if self.window % self.segment:
            raise ValueError(f"window must be a multiple of segment, but they are {self.window} and {self.segment}")
        if self.quantiles % 2 == 0:
            raise ValueError(f"quantiles must be odd, so that the forecast is the middle one, not {self.quantiles}")

    @property
    def kind(self) -> str:
        """The name of the cell in `seqshell.layers`."""
        return "rnn_tanh" if self.cell == "rnn" else self.cell

    @property
    def num_values(self) -> int:
        """The number of last values that a linear part's forecast and its RECENT last errors depend on."""
        return self.linear_window + RECENT + self.horizon - 1

    @property
    def num_outputs(self) -> int:
        """The number of segments in the horizon; the last may reach beyond it."""
        return -(-self.horizon // self.segment)
