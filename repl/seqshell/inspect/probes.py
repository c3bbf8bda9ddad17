"""Linear probes: what a linear classifier can read from each layer of the state, on text that it was not trained on.

Beside the accuracy stand that of always saying the most frequent label, and that of a control task: a random label for
each type of word, which can only be memorised (Hewitt and Liang 2019, https://arxiv.org/abs/1909.03368). The accuracy
minus that of the control task is the selectivity.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import UsageError
from seqshell.core.events import Probes
from seqshell.core.events.probes import ProbeScore
from seqshell.core.state import leaves
from seqshell.core.text_output import counted
from seqshell.inspect.parts import parts_of
from seqshell.inspect.ridge import accuracies
from seqshell.inspect.tracing import chunks
from seqshell.inspect.unit_values import after_one
from seqshell.session import Session
from seqshell.session.given import StateRecord
from seqshell.session.state_record import leaf_names

LEAST = 50  # labelled tokens
MAX_SIZE = 4096  # numbers of a part that is probed
MAX_NUMBERS = 2**28  # of all parts at all labelled tokens: 1 GB
BLOCKS = 20  # of neighbouring tokens, whose states are alike: each is used for one purpose
PARTS = (0, 0, 2, 0, 1)  # of the blocks in turn: training, test, choice of the penalty


@dataclass(frozen=True)
class Passage:
    """Tokens that are read one after the other, with the label of each that has one, else -1, and its type of word.

    record: the state before them; None for that here.
    """

    ids: Sequence[int]
    labels: Sequence[int]
    types: Sequence[str]
    record: StateRecord | None = None


class Probing:
    """Probes of all parts of a state. `reading`, then `fitting` do the work; then `probes` is the event.

    names: of the labels. UsageError if there are too few labelled tokens, or only one label.
    """

    def __init__(self, session: Session, passages: Sequence[Passage], names: Sequence[str]) -> None:
        self.done = 0
        self._session, self._passages, self._names = session, passages, names
        self.total = sum(len(passage.ids) for passage in passages)
        self.labels = np.array([label for each in passages for label in each.labels if label >= 0], np.int64)
        types = [name for each in passages for name, label in zip(each.types, each.labels, strict=True) if label >= 0]
        if len(self.labels) < LEAST:
            raise UsageError(
                f"{counted(len(self.labels), 'token')} have a label, and a probe needs {LEAST} or more", code="labels"
            )
        found = np.unique(self.labels)
        if len(found) == 1:
            raise UsageError(
                f"every token has the label {names[found[0]]}; a probe needs at least two labels", code="labels"
            )
        self._control = control(self.labels, types)
        self._features: dict[str, list[NDArray[Any]]] = {}
        self._left_out = self._refused()
        self._scores: list[ProbeScore] = []
        self._which = split(len(self.labels))

    @property
    def num_parts(self) -> int:
        """How many parts are probed."""
        return len(self._features)

    def reading(self) -> Iterator[None]:
        """Read the text, part by part, and keep the states at labelled tokens."""
        for passage in self._passages:
            start = 0
            labelled = np.array(passage.labels) >= 0
            for part in chunks(self._session, passage.ids, passage.record):
                where = labelled[start : start + len(part)]
                self._keep(part.arrays, where)
                start += len(part)
                self.done += len(part)
                yield

    def fitting(self) -> Iterator[None]:
        """Fit the probes of one part of the state after the other."""
        self.done = 0
        for name in list(self._features):
            if not (rows := self._features.pop(name)):
                self._left_out.append((name, "does not change"))
                continue
            features = np.concatenate(rows)
            accuracy, selected = accuracies(features, [self.labels, self._control], self._which)
            self._scores.append(ProbeScore(name, features.shape[1], accuracy, selected))
            self.done += 1
            yield

    def probes(self) -> Probes:
        """The event."""
        training, test = self.labels[self._which == 0], self.labels[self._which == 2]
        most = np.bincount(training).argmax()
        return Probes(
            tuple(self._names),
            tuple(self._scores),
            float((test == most).mean()),
            len(training),
            len(test),
            tuple(self._left_out),
        )

    def _refused(self) -> list[tuple[str, str]]:
        """(leaf, reason) of what is not probed; makes room for the rest. UsageError if nothing is left, or too much."""
        session, refused, size = self._session, [], 0
        state, growing = session.state, _growing(session) if session.model.grows else set()
        for name, leaf in zip(leaf_names(state), leaves(state), strict=True):
            parts = parts_of(name, leaf.shape[1:])
            width = int(leaf[0].size) // max(1, len(parts)) * (2 if leaf.dtype.kind == "c" else 1)
            if leaf.dtype.kind not in "fc":
                refused.append((name, "is whole numbers"))
            elif name in growing:
                refused.append((name, "grows"))
            elif not 0 < width <= MAX_SIZE:
                refused.append((name, f"has {width:,} numbers in a part, and {MAX_SIZE:,} are probed at most"))
            else:
                self._features |= {address: [] for address in parts}
                size += width * len(parts)
        if not self._features:
            listed = ", ".join(f"{name} {reason}" for name, reason in refused) or "it has no state"
            raise UsageError(f"{session.model.name} has nothing to probe: {listed}", code="no_state")
        if (most := MAX_NUMBERS // size) < len(self.labels):
            raise UsageError(
                f"{counted(len(self.labels), 'token')} have a label, and probes of this model hold {most:,} at most",
                code="labels",
            )
        return refused

    def _keep(self, arrays: Any, where: NDArray[np.bool_]) -> None:
        for name, array in arrays.items():
            for address, index in parts_of(name, array.shape[1:]).items():
                if address in self._features:
                    rows = array[(slice(None), *index)][where]
                    self._features[address].append(_real(rows.reshape(len(rows), -1)))


def split(number: int) -> NDArray[np.int64]:
    """What each of a number of tokens is for [N]: 0 training, 1 choice of the penalty, 2 test."""
    blocks = np.arange(number) * BLOCKS // number
    return np.array(PARTS)[blocks % len(PARTS)]


def control(labels: NDArray[np.int64], types: Sequence[str]) -> NDArray[np.int64]:
    """Random labels [N] of the same frequencies, the same for tokens of one type."""
    random = np.random.default_rng(0)
    drawn: dict[str, int] = {}
    for name in types:
        if name not in drawn:
            drawn[name] = int(labels[random.integers(len(labels))])
    return np.array([drawn[name] for name in types], np.int64)


def _real(rows: NDArray[Any]) -> NDArray[np.floating]:
    """Numbers [N, D] as finite real ones: of complex ones, both parts; of infinite ones, the largest that there are."""
    parts = np.concatenate([rows.real, rows.imag], 1) if rows.dtype.kind == "c" else rows
    limit = np.float32(1e4)
    found: NDArray[np.floating] = np.clip(parts, -limit, limit) if not np.isfinite(parts).all() else parts
    return found


def _growing(session: Session) -> set[str]:
    """The leaves that one more token makes longer."""
    before = session.state
    named = zip(leaf_names(before), leaves(before), leaves(after_one(session)), strict=True)
    return {name for name, one, other in named if one.shape != other.shape}
