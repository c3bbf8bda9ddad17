"""Sessions that are saved and restored, with a sampler that remembers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from seqshell import setting
from seqshell.decoding.strategies import Greedy, Sample
from seqshell.session import Session


@dataclass(frozen=True)
class Counting:
    """Raises the logit of the token whose id is its counter; remembers a number and an array."""

    name: ClassVar[str] = "counting"
    push: float = setting(1.0)

    def __call__(self, logits, context):
        count = context.memory["count"] if context.memory else 0
        return logits + self.push * (np.arange(len(logits)) == count % len(logits))

    def update(self, memory, token, log_probs):
        return {"count": (memory["count"] if memory else 0) + token, "seen": log_probs.astype(np.float32)}


REGISTERED = {"samplers": {"counting": Counting}, "strategies": {"greedy": Greedy, "sample": Sample}}


def saved(session, path, model=None, **options):
    session.save(path)
    return Session.restore(path, model or session.model, **REGISTERED, **options)
