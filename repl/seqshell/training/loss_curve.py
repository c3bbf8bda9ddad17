"""The loss curve that the records of a training hold. Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from seqshell.core.events import LossCurve

Record = Mapping[str, Any]


def loss_curve(history: Sequence[Record], name: str, unit: str = "nats") -> LossCurve:
    """The curve of a training. history: its records, as in metrics.jsonl."""
    return LossCurve(name, tuple(training_losses(history)), tuple(validations(history)), unit)


def training_losses(history: Sequence[Record]) -> list[tuple[int, float]]:
    """The (step, mean training loss) points of a history."""
    return [(record["step"], record["loss"]) for record in history if "loss" in record]


def validations(history: Sequence[Record]) -> list[tuple[int, float]]:
    """The (step, validation loss) points of a history: nats, or the deciding metric where there are none."""
    found = [(record["step"], record["validation"]) for record in history if "validation" in record]
    return [(step, metrics.get("nats", next(iter(metrics.values())))) for step, metrics in found]
