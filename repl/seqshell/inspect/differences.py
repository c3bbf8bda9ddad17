"""How two states of one model differ: each part of them, and the distributions of the next token."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.events import StateDifference
from seqshell.core.events.states import PartDifference, TokenChange, UnitChange
from seqshell.core.state import leaves
from seqshell.decoding.probabilities import log_probs
from seqshell.inspect.addresses import unit_text
from seqshell.inspect.parts import parts_of
from seqshell.session import Session
from seqshell.session.given import StateRecord
from seqshell.session.inspection import token_name
from seqshell.session.state_record import leaf_names

MAX_UNITS = 3  # of a part
MAX_TOKENS = 5


def difference(session: Session, one: StateRecord, other: StateRecord) -> StateDifference:
    """Compare two states: cosine and distance of each leaf and layer, then what they predict."""
    parts: list[PartDifference] = []
    for name, first, second in zip(leaf_names(one.state), leaves(one.state), leaves(other.state), strict=True):
        parts += _parts(name, first[0], second[0])
    divergence, tokens = _next_token(session, one.outputs[0], other.outputs[0])
    return StateDifference(one.given.name, other.given.name, tuple(parts), divergence, tokens)


def _parts(name: str, one: NDArray[Any], other: NDArray[Any]) -> Iterator[PartDifference]:
    if one.shape != other.shape:
        yield PartDifference(name, None, None, (), f"shapes {list(one.shape)} and {list(other.shape)}")
    else:
        for index in parts_of(name, one.shape).values():
            yield _part(name, index, one[index], other[index])


def _part(name: str, index: tuple[int, ...], one: NDArray[Any], other: NDArray[Any]) -> PartDifference:
    """The difference of one layer, or of a whole leaf. Infinite numbers are left out of cosine and distance."""
    wide = np.complex128 if one.dtype.kind == "c" else np.float64
    first, second = one.astype(wide).ravel(), other.astype(wide).ravel()
    finite = np.isfinite(first) & np.isfinite(second)
    with np.errstate(all="ignore"):
        moved = np.where(first == second, 0, np.where(finite, np.abs(first - second), np.inf))
    a, b = first[finite], second[finite]
    norms = float(np.linalg.norm(a) * np.linalg.norm(b))
    cosine = float(np.vdot(a, b).real / norms) if norms else None
    zeros = [side for side, values in (("a", a), ("b", b)) if not values.any()]
    note = "" if norms else f"no cosine: {' and '.join(zeros) or 'one'} {'are' if len(zeros) > 1 else 'is'} zero"
    largest = [place for place in np.argsort(-moved, kind="stable")[:MAX_UNITS].tolist() if moved[place]]
    units = tuple(
        UnitChange(
            unit_text(name, (*index, *map(int, np.unravel_index(place, one.shape)))),
            one.ravel()[place].item(),
            other.ravel()[place].item(),
        )
        for place in largest
    )
    return PartDifference(unit_text(name, index), cosine, float(np.linalg.norm(a - b)), units, note)


def _next_token(
    session: Session, one: NDArray[Any], other: NDArray[Any]
) -> tuple[float | None, tuple[TokenChange, ...]]:
    """The Jensen-Shannon divergence of two distributions in nats, and what moved most; outputs [V].

    None for outputs that are no distribution.
    """
    if one.ndim != 1:
        return None, ()
    first, second = (np.exp(log_probs(outputs)) for outputs in (one, other))
    labels, cursor = session.model.labels, session.behaviour.cursor
    moved = np.argsort(-np.abs(first - second), kind="stable")[:MAX_TOKENS].tolist()
    tokens = tuple(
        TokenChange(labels[place] if labels else token_name(cursor, place), float(first[place]), float(second[place]))
        for place in moved
        if first[place] != second[place]
    )
    return divergence(first, second), tokens


def divergence(one: NDArray[Any], other: NDArray[Any]) -> float:
    """The Jensen-Shannon divergence of two distributions [V] in nats, 0 to ln 2 (Lin 1991).

    H((p + q) / 2) - (H(p) + H(q)) / 2.
    """
    middle = (one + other) / 2
    return max(0.0, _entropy(middle) - (_entropy(one) + _entropy(other)) / 2)


def _entropy(probs: NDArray[Any]) -> float:
    positive = probs[probs > 0]
    return float(-(positive * np.log(positive)).sum())
