"""How a model uses its gates on a text: how often each is almost closed or open, and how long its units remember.

Left-saturated: below 0.1; right-saturated: above 0.9 (Karpathy et al. 2015, figure 3, https://arxiv.org/abs/1506.02078).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import UsageError
from seqshell.core.events import Gates
from seqshell.core.events.gates import GateUnits
from seqshell.core.state import leaves
from seqshell.inspect.addresses import unit_text
from seqshell.inspect.parts import parts_of
from seqshell.inspect.tracing import chunks
from seqshell.session import Session
from seqshell.session.given import StateRecord
from seqshell.session.state_record import leaf_names

LEFT, RIGHT = 0.1, 0.9
NO_GATES = {"hidden", "cell", "candidate"}  # what a decoder's trace has besides its gates
KEEPING = ("forget", "update")  # the gates that are the share of a unit that a step keeps


@dataclass
class _Use:
    """The use of a gate so far, of each of its units [...]: counts of tokens, and the sum of the values."""

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    total: NDArray[np.float64]
    is_gate: bool = True

    def add(self, values: NDArray[Any]) -> None:
        """Count the values [T, ...] of some more tokens."""
        self.is_gate = self.is_gate and values.dtype.kind == "f" and bool(((values >= 0) & (values <= 1)).all())
        self.left += (values < LEFT).sum(0)
        self.right += (values > RIGHT).sum(0)
        self.total += values.sum(0, np.float64)


class GateUse:
    """The use of all gates in a text, which `steps` reads from the state here, or from that of a record.

    A gate is what the decoder's trace has besides the leaves of the state if its values are 0 to 1. UsageError, after
    the first part of the text, if there is none.
    """

    def __init__(self, session: Session, ids: list[int], record: StateRecord | None) -> None:
        self.done = 0
        self._session = session
        self._parts = chunks(session, ids, record)
        self._uses: dict[str, _Use] = {}

    def steps(self) -> Iterator[None]:
        """Read one part of the text after the other."""
        known = leaf_names(self._session.state)
        for part in self._parts:
            for name, values in part.arrays.items():
                if _last(name) in NO_GATES or name in known or values.dtype.kind != "f":
                    continue
                if name not in self._uses:
                    shape = values.shape[1:]
                    self._uses[name] = _Use(np.zeros(shape, np.int64), np.zeros(shape, np.int64), np.zeros(shape))
                self._uses[name].add(values)
            self.done += len(part)
            if not any(use.is_gate for use in self._uses.values()):
                model = self._session.model
                raise UsageError(
                    f"{model.name} shows no gates: the decoder of {model.architecture} has no trace that tells them",
                    code="no_gates",
                )
            yield

    def gates(self) -> Gates:
        """The event."""
        found = [
            units
            for name, use in self._uses.items()
            if use.is_gate
            for address, index in parts_of(name, use.left.shape).items()
            for units in [self._units(name, address, index, use)]
        ]
        return Gates(tuple(sorted(found, key=lambda each: each.layer)), self.done)

    def _units(self, name: str, address: str, index: tuple[int, ...], use: _Use) -> GateUnits:
        mean = (use.total[index] / self.done).ravel()
        leaf = self._leaf_of(use.left.shape) or name
        places = [tuple(map(int, place)) for place in np.ndindex(*use.left.shape[len(index) :])]
        return GateUnits(
            address,
            index[0] if index else 0,
            tuple(unit_text(leaf, (*index, *place)) for place in places),
            _numbers(use.left[index] / self.done),
            _numbers(use.right[index] / self.done),
            _numbers(mean),
            tuple(map(half_life, mean.tolist())) if _last(name) in KEEPING else (),
        )

    def _leaf_of(self, shape: tuple[int, ...]) -> str:
        """The leaf whose numbers a gate of this shape belongs to: the last one of the shape, as an LSTM's `cell`."""
        state = self._session.state
        named = zip(leaf_names(state), leaves(state), strict=True)
        return next((name for name, leaf in reversed(list(named)) if leaf.shape[1:] == shape), "")


def half_life(kept: float) -> float | None:
    """ln 0.5 / ln `kept`: the tokens after which half is left if a step keeps this share. None if it keeps all."""
    if kept <= 0:
        return 0.0
    return float(np.log(0.5) / np.log(kept)) if kept < 1 else None


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def _numbers(values: NDArray[Any]) -> tuple[float, ...]:
    return tuple(map(float, values.ravel()))
