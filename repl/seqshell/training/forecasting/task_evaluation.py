"""The evaluation of forecasters: squared and absolute errors by horizon on a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from seqshell.core.events import Table
from seqshell.core.model import Model
from seqshell.host import Registry
from seqshell.training.evaluation_result import Evaluation
from seqshell.training.forecasting.evaluation import ForecastOptions, evaluate_series
from seqshell.training.forecasting.metrics import interval_summary, metrics_table, write_png
from seqshell.training.task_evaluation import TaskEvaluation
from seqshell.training.torch_module import torch_module_on


class ForecastEvaluation(TaskEvaluation):
    """Reads a table."""

    data = "table"
    options = ForecastOptions
    has_picture = True

    def evaluate(
        self, model: Model, files: Sequence[str], registry: Registry, device: str, options: ForecastOptions
    ) -> Iterator[Evaluation]:
        """Yield the Evaluation."""
        yield Evaluation(evaluate_series(model, torch_module_on(device, model, registry), files[0], options))

    def report(self, values: Mapping[str, Any], width: int | None) -> Iterator[str | Table]:
        """Yield what was done to the table, the errors beside the baselines, the interval, and the speed."""
        data = values["data"]
        yield from data.get("notes", [])
        where = f"from row {data['rows'][0]:,} (counted from 0)" if "rows" in data else f"of {data['series']:,} series"
        rows = f"{data['items']:,} rows {where}"
        yield f"{values['model']} on {data['name']}, {rows}"
        yield metrics_table(values["model"], values)
        if "covered" in values:
            yield interval_summary(values)
        yield f"{values['tokens_per_second']:,.0f} rows/s"

    def write_png(self, values: Mapping[str, Any], path: Path) -> None:
        """Draw the errors by horizon."""
        write_png(values, path)
