"""Fit a part of a module directly, before the first step: training then improves on a linear model, or keeps it.

An objective with a method `fit` does it. The module is validated as epoch 0, which is the first best: if no later epoch
is better, the fitted part alone is kept. A module with the weights of a parent is validated likewise, but not fitted.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

from seqshell.core.events import Event, Notice
from seqshell.training.objective import Metrics
from seqshell.training.run import Run


@runtime_checkable
class FittingObjective(Protocol):
    """An objective that fits a part of some modules directly."""

    def fit(self, module: Any) -> str:
        """Fit that part in place, and let the rest add nothing to it yet.

        Returns what was fitted in words, such as "a linear map of the last 48 values"; "" if the module has no such
        part.
        """


@runtime_checkable
class CautiousObjective(Protocol):
    """An objective with so little validation data that training may seem to improve on the fitted part by chance."""

    def to_beat(self, fitted: Metrics) -> Metrics:
        """The metrics below which training is better beyond chance. fitted: those of the fitted part."""


@runtime_checkable
class CalibratingObjective(Protocol):
    """An objective that adjusts the finished weights of some modules."""

    def calibrate(self, module: Any) -> None:
        """Adjust what the module says about its own uncertainty, in place; its point forecasts stay the same."""


def fit_first(run: Run) -> Iterator[Event]:
    """Let the objective fit the module and validate it, unless the run has begun before. Yields a Notice if it did."""
    objective, progress, start, parent = run.objective, run.progress, time.perf_counter(), run.prepared.parent
    if progress.done or progress.best is not None:
        return
    if parent is not None:
        fitted = f"the weights of {parent.model.name}"
    elif not (fitted := objective.fit(run.module) if isinstance(objective, FittingObjective) else ""):
        return
    run.average.load_state_dict(run.module.state_dict())
    metrics = run.validate()
    progress.seconds += time.perf_counter() - start
    record: Metrics = {"epoch": 0, "step": 0, "validation": metrics, "seconds": round(progress.seconds, 1)}
    record["fitted"] = fitted
    if isinstance(objective, CautiousObjective) and parent is None:
        record["to_beat"] = objective.to_beat(metrics)
    progress.history.append(record)
    progress.compare(metrics)
    run.keep_if_best(record)
    with_what = f"with {fitted}" if parent is not None else f"{fitted} is fitted"
    yield Notice(f"before training, {with_what}: validation {run.objective.summary(metrics)}")


def gained_nothing(run: Run) -> str:
    """A note if the best weights are those that `fit_first` fitted, else ""."""
    best = run.progress.best or {}
    if "fitted" not in best:
        return ""
    chance = " beyond chance" if "to_beat" in best else ""
    return f"training gained nothing{chance} on the validation data: keeping {best['fitted']} alone"
