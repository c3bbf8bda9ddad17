"""A table of two series, and a forecaster of both."""

from __future__ import annotations

from dataclasses import replace

from seqshell.core.model import Model, SeriesScale
from seqshell.testing import tiny_forecast_model

LONG = "\n".join(
    [
        "firm,month,value",
        *(
            f"{firm},{month} 2000,{10 ** (1 + number)}"
            for firm, number in (("Ada", 1), ("Bo", 2))
            for month in ("Jan", "Feb", "Mar")
        ),
    ]
)


def model_of_firms() -> Model:
    """A forecaster of two series, whose scales differ by ten."""
    model = tiny_forecast_model()
    scales = (SeriesScale("Ada", (100.0,), (20.0,)), SeriesScale("Bo", (1000.0,), (200.0,)))
    return replace(
        model,
        series=replace(
            model.series, mean=(100.0,), std=(20.0,), scales=scales, series_column="firm", time_column="month"
        ),
    )
