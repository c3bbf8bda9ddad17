"""Sessions on a model of letters, with samplers and strategies of a plugin, and their answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

import seqshell
from seqshell.core.events import Finished
from seqshell.decoding.chain import Chain
from seqshell.session import Session
from seqshell.testing import tiny_model

LETTERS = "\n abcdefgh"


@dataclass(frozen=True)
class Own:
    """A strategy written for API 1.0: it draws through a Chain, and tells it nothing of the answer."""

    name: ClassVar[str] = "own"
    streams: ClassVar[bool] = True

    def search(self, decoder: Any, start: Any, request: Any) -> Iterator[Any]:
        chain = Chain(request.samplers, excluded=request.excluded)
        state, outputs, memories = start.state, start.outputs, start.memories
        while True:
            context = seqshell.SampleContext(generated=99)
            tokens = np.array([chain.logits(row, context).argmax() for row in outputs])
            outputs, state = decoder.step(tokens, state)
            yield seqshell.Advanced(tokens, state, outputs, memories)


def answer(session: Session, **options: Any) -> Finished:
    *_, finished = session.generate(12, **options)
    assert isinstance(finished, Finished)
    return finished


def session_with(*samplers: Any, **options: Any) -> Session:
    session = Session(tiny_model(LETTERS), **options)
    session.chain = samplers
    session.feed("abc")
    return session
