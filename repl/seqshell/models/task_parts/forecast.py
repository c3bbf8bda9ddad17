"""A checkpoint of a forecaster: the series that it forecasts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from seqshell.core.text_output import counted
from seqshell.host import Registry
from seqshell.models.series_header import read_series
from seqshell.models.task_parts.parts import NUM_ROWS, NUM_STEPS, Contents, Inputs, TaskParts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqshell.core.decoder import Decoder


class ForecastParts(TaskParts):
    """A series."""

    saved_with = "series"

    def read(self, header: Mapping[str, Any], config: Any, registry: Registry) -> Contents:
        """Read the series and its columns."""
        from seqshell.core.series_tokenizer import Values

        return Contents(Values.from_json(header["tokenizer"]), series=read_series(header, config))

    def output_shape(self, contents: Contents) -> tuple[tuple[int, ...], str]:
        """[K, F, Q]: steps, columns, quantiles; Q is 1 for a model that forecasts points only."""
        series = contents.series
        assert series is not None  # read() sees to it
        shape = series.horizon, len(series.columns), max(1, len(series.quantiles))
        return shape, (
            f"its series has {counted(shape[0], 'step')}, {counted(shape[1], 'column')} "
            f"and {counted(shape[2], 'quantile')}"
        )

    def module_outputs(self, config: Any) -> tuple[int | None, ...]:
        """[K, F, Q]."""
        return None, getattr(config, "num_features", None), None

    def random_inputs(self, config: Any) -> Inputs:
        """Normalised values."""
        import numpy as np

        shape = NUM_ROWS, NUM_STEPS, config.num_features
        return Inputs(np.random.default_rng(0).normal(size=shape).astype(np.float32))

    def try_step(self, decoder: Decoder, contents: Contents) -> NDArray[Any]:
        """Read one row of zeros, which are the means of the columns."""
        import numpy as np

        columns = len(contents.tokenizer.columns)  # type: ignore[attr-defined]  # Values has them
        return decoder.step(np.zeros((1, columns), np.float32), decoder.initial_state(1))[0]
