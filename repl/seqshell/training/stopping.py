"""Which weights are the best, when a training ends before its last epoch, and when its loss has exploded."""

from __future__ import annotations

import math
from collections.abc import Sequence

from seqshell.training.objective import Metrics

MIN_IMPROVEMENT = 1e-4  # smaller improvements of the validation do not count for early stopping
EXPLODED = 3.0  # an epoch's training loss has exploded if it is this many times the first loss
# Nats: the right answer has a probability of 99 % on average. From here on, a lower loss changes no answer.
CERTAIN = 0.01
TIE = 1e-6  # weight of the nats in a criterion that is a share: they decide between equal shares
WANTING = "wanting"  # the metric that is 1 - such a share


def criterion(metrics: Metrics) -> float:
    """The metric that selects the weights, which is the first one; lower is better. NaN counts as infinite."""
    value = float(next(iter(metrics.values())))
    return math.inf if math.isnan(value) else value


def selected_by(share: float, metrics: Metrics) -> Metrics:
    """The metrics, with a share from 0 to 1 as their criterion: the higher it is, the better are the weights."""
    return {WANTING: 1 - share + TIE * metrics["nats"], **metrics}


def without_criterion(metrics: Metrics) -> Metrics:
    """The metrics without what `selected_by` has added."""
    return {name: value for name, value in metrics.items() if name != WANTING}


def improves(metrics: Metrics, best: Metrics | None) -> bool:
    """True if these metrics are better than those of the best record so far, if there is one.

    The record of a part that was fitted directly may have further values `to_beat`, see `fitting.CautiousObjective`.
    """
    if best is None:
        return True
    limits = best.get("to_beat", {})
    return criterion(metrics) < criterion(best["validation"]) and all(metrics[name] < limits[name] for name in limits)


def milestone(metrics: Metrics, before: Sequence[float] = ()) -> list[float]:
    """The lowest criterion and nats so far, by which early stopping notices an improvement.

    The nats count beside a criterion such as the accuracy, which may not change while a classifier still learns.
    Returns `before` if neither is lower by more than MIN_IMPROVEMENT.
    """
    found = [criterion(metrics), float(metrics.get("nats", criterion(metrics)))]
    if before and all(old - new <= MIN_IMPROVEMENT for old, new in zip(before, found, strict=True)):
        return list(before)
    return [min(pair) for pair in zip(before or found, found, strict=True)]


def has_exploded(loss: float, history: Sequence[Metrics]) -> bool:
    """True if an epoch's mean training loss is far above the first one in the history, that of the untrained model."""
    first = next((record["loss"] for record in history if "loss" in record), loss)
    return loss > EXPLODED * float(first)
