"""Interventions in tiny models, as turns of a session."""

from __future__ import annotations

import numpy as np

from seqshell.decoding.beam import Beam
from seqshell.decoding.strategies import Greedy, Sample
from seqshell.session.interventions import Clamp

STRATEGIES = {"greedy": Greedy, "sample": Sample, "beam": Beam}


def clamp(unit, value, leaf=0, kind=np.float32):
    return Clamp(f"{leaf}[{unit}]", leaf, (unit,), kind(value))


def turn(session, *interventions):
    session.begin_turn()
    return session.intervene(interventions)
