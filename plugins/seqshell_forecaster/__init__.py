"""Recurrent forecasters of time series, with a decoder in numpy."""

from __future__ import annotations

from collections.abc import Iterator

import seqshell
from seqshell import Architecture, Task


@seqshell.hookimpl
def seqshell_architectures() -> Iterator[Architecture]:
    """Offer forecaster. torch and numpy are imported when it is first used."""
    yield Architecture(
        "forecaster",
        Task.FORECAST,
        config="seqshell_forecaster.config:ForecasterConfig",
        model="seqshell_forecaster.residual:make_model",
        decoder="seqshell_forecaster.decoders:make_decoder",
        summary="RNN, LSTM or GRU over all values so far, or over segments of the last ones (SegRNN, Lin et al. 2023), "
        "alone or beside a linear map",
        export="seqshell_forecaster.exporting:export_forecaster",
    )
