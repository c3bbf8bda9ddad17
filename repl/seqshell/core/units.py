"""The units of information: log-probabilities, surprisals, entropies and divergences in nats or bits."""

from __future__ import annotations

import math

UNITS = ("nats", "bits")
NATS_PER_BIT = math.log(2)


def in_unit(nats: float, unit: str) -> float:
    """A number of nats in a unit: 1 bit is ln 2 nats."""
    return nats / NATS_PER_BIT if unit == "bits" else nats


def in_both(name: str, nats: float | None) -> dict[str, float | None]:
    """The fields NAME_nats and NAME_bits of a JSON object, which has both units whatever people see."""
    return {f"{name}_{unit}": None if nats is None else in_unit(nats, unit) for unit in UNITS}
