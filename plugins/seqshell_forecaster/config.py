"""The settings of the forecasters."""

from __future__ import annotations

from dataclasses import dataclass

from seqshell import setting


@dataclass(frozen=True)
class ForecasterConfig:
    """num_features, the number of columns, is filled in from the data."""

    num_features: int
    cell: str = setting("gru", choices=("rnn", "lstm", "gru"), help="the kind of recurrent layer")
    hidden_size: int = setting(
        64, low=1, high=65_536, help="size of each layer's hidden state, and of a segment's vector"
    )
    num_layers: int = setting(1, low=1, high=64, help="recurrent layers on top of each other")
    horizon: int = setting(
        24, low=1, high=10_000, help="how many next steps are forecast at once; 1: stepped on its own forecasts"
    )
    window: int = setting(
        0,
        low=0,
        high=100_000,
        neutral=0,
        help="how many last values a forecast is made from; 0: a state carried over all of them",
    )
    segment: int = setting(
        24, low=1, high=100_000, help="with a window: how many values are read, and how many are forecast, in one step"
    )
    quantiles: int = setting(
        1, low=1, high=99, neutral=1, help="an odd number of them, the point in the middle; 1: the point alone"
    )
    subtract_last: bool = setting(
        True, help="forecasts are differences to the last value; with a window, it is subtracted from what is read too"
    )
    dropout: float = setting(
        0.0, low=0, high=0.99, neutral=0.0, help="share of the outputs of each recurrent layer set to zero in training"
    )

    def __post_init__(self) -> None:
        if self.num_features < 1:
            raise ValueError(f"num_features must be at least 1, not {self.num_features}")
        if self.window % self.segment:
            raise ValueError(f"window must be a multiple of segment, but they are {self.window} and {self.segment}")
        if self.quantiles % 2 == 0:
            raise ValueError(f"quantiles must be odd, so that the point is in the middle, not {self.quantiles}")

    @property
    def kind(self) -> str:
        """The cell as `seqshell.layers` calls it."""
        return "rnn_tanh" if self.cell == "rnn" else self.cell

    @property
    def num_outputs(self) -> int:
        """Segments of the horizon; the last may reach beyond it."""
        return -(-self.horizon // self.segment)
