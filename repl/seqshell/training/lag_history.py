"""The gradients by time lag that metrics.jsonl records, as events. Needs no torch."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from seqshell.core.errors import RecipeError
from seqshell.core.events import LagNorms
from seqshell.core.named_files import read_bytes
from seqshell.inspect.half_lives import half_life
from seqshell.training.run_folder import MAX_METRICS, METRICS_FILE

KEY = "gradient_by_lag"


def lags_of(history: Iterable[Mapping[str, Any]], model: str) -> tuple[LagNorms, ...]:
    """The gradients by lag in the records of a training; empty if it measured none."""
    return tuple(
        each for record in history if KEY in record for each in _of_epoch(record[KEY], model, int(record["epoch"]))
    )


def _of_epoch(record: Mapping[str, Any], model: str, epoch: int) -> list[LagNorms]:
    lags = tuple(map(int, record["lags"]))
    return [
        LagNorms(model, epoch, part, lags, tuple(norms), half_life(norms, lags))
        for part, norms in record["norms"].items()
    ]


def sparklines(record: Mapping[str, Any]) -> str:
    """A line that shows what was measured after an epoch."""
    drawn = "  ".join(f"{each.part} {each.sparkline()}" for each in _of_epoch(record, "", 0))
    return f"gradient 1 to {record['lags'][-1]} steps back: {drawn}"


def metrics_file(checkpoint: Path) -> Path:
    """The file in which the training that writes a checkpoint keeps its metrics."""
    return checkpoint.with_suffix(".run") / METRICS_FILE


def read_lags(checkpoint: Path, model: str) -> tuple[LagNorms, ...]:
    """The gradients by lag of the training that wrote a checkpoint. RecipeError if there are none, or not readable."""
    path = metrics_file(checkpoint)
    if not path.is_file():
        raise RecipeError(f"{model} has no training beside it: there is no {path.parent.name}/{METRICS_FILE}")
    try:
        lines = read_bytes(path, error=RecipeError, most=MAX_METRICS).decode().splitlines()
        found = lags_of(map(json.loads, lines), model)
        if not all(_is_norm(norm) for each in found for norm in each.norms):
            raise ValueError
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise RecipeError(f"{path} is damaged: it has other records than a training writes") from None
    if not found:
        raise RecipeError(f"the training of {model} measured no gradients by lag; with training.reach_every=1, it does")
    return found


def _is_norm(value: Any) -> bool:
    return value is None or (type(value) in (int, float) and 0 <= value < math.inf)
