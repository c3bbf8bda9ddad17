"""The rule for decoders that draw blocks of tokens themselves."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqshell.core.sampling import Draw
from seqshell.core.shortlist import Divide, KeepBest, KeepMass, KeepNear, Shortlist
from seqshell.testing.compare import result_difference
from seqshell.testing.examples import Example

EXCLUDED = (0,)
RULES = (), (Divide(0.7),), (KeepBest(5), KeepMass(0.8), KeepNear(-2.0), Divide(1.5))
NUMBERS = [Draw().uniform(position) for position in range(12)]


def blocks(decoder: Any, example: Example) -> str:
    """Compare the tokens of a block, and what follows each, with those of a draw and a step at a time."""
    one = example.rows(slice(1))
    start = decoder.feed(one.inputs, one.start(decoder))
    for rules in RULES:
        for excluded in ((), EXCLUDED):
            outputs, state = start
            found = decoder.draw_block(outputs, state, rules, excluded, NUMBERS)
            for index, (token, *seen) in enumerate(zip(*(found or ((), (), ())), strict=True)):
                logits = outputs[0].astype(np.float64)
                logits[list(excluded)] = -np.inf
                left = Shortlist(logits, float(logits.max()))
                for rule in rules:
                    rule.apply(left)
                if not left.certain:
                    break
                place = f"token {index + 1} with {[*rules]}, without {[*excluded]}"
                if token != (expected := left.draw(NUMBERS[index])):
                    return f"{place}: {token} instead of {expected}"
                outputs, state = decoder.step(np.array([token]), state)
                if difference := result_difference((seen[0], seen[1]), (outputs, state)):
                    return f"{place}: {difference}"
    return ""
