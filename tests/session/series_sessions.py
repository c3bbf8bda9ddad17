"""Sessions on a tiny forecaster."""

from __future__ import annotations

from seqshell.decoding.strategies import Greedy, Sample
from seqshell.session import Session
from seqshell.testing import tiny_forecast_model

STRATEGIES = {"sample": Sample, "greedy": Greedy}


VALUES = (9.8, 9.9, 10.2)


def new_session(model=None, **options):
    return Session(model or tiny_forecast_model(**options), strategies=STRATEGIES)
