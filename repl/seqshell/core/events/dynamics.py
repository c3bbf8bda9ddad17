"""Events of how a model's state moves: the spectrum of a step."""

from __future__ import annotations

import cmath
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seqshell.core.events.base import Event, Rows
from seqshell.core.text_output import Short, columns, counted, short

if TYPE_CHECKING:
    from seqshell.core.pictures.page import Page

SHOWN = 10  # eigenvalues in a table for people


@dataclass(frozen=True)
class Spectrum(Event):
    """The eigenvalues of d state'/d state for one step, the largest in absolute value first.

    size: the number of real numbers in the state. token: that the step reads, at `position`. error: the relative error
    of the Jacobian. left_out: (leaf, reason) of what is not in it. is_complete: these are all `size` eigenvalues.
    """

    eigenvalues: tuple[complex, ...]
    size: int
    token: str
    position: int
    error: float
    left_out: tuple[tuple[str, str], ...] = ()
    is_complete: bool = True

    @property
    def radius(self) -> float:
        """The spectral radius: the largest absolute value."""
        return max(map(abs, self.eigenvalues), default=0.0)

    def as_json(self) -> Mapping[str, Any]:
        """The radius and each eigenvalue with its time constant in tokens."""
        names, *rows = self.as_rows()
        return {
            "token": self.token,
            "pos": self.position,
            "size": self.size,
            "radius": self.radius,
            "complete": self.is_complete,
            "error": self.error,
            "left_out": [{"leaf": leaf, "reason": reason} for leaf, reason in self.left_out],
            "eigenvalues": [dict(zip(names, row, strict=True)) for row in rows],
        }

    def as_rows(self) -> Rows:
        """One row for each eigenvalue."""
        rows = [(each.real, each.imag, abs(each), time_constant(each), period(each)) for each in self.eigenvalues]
        return [("real", "imag", "abs", "time_constant", "period"), *rows]

    def table(self, number: int = SHOWN) -> Rows:
        """The `number` largest eigenvalues as people read them; one row for a pair of conjugates."""
        found = [each for each in self.eigenvalues if each.imag >= 0][:number]
        return [("eigenvalue", "|.|", "time constant", "period"), *map(_shown, found)]

    def summary(self) -> str:
        """What was differentiated, and the radius, in a sentence."""
        slowest = time_constant(complex(self.radius))
        holds = "grows" if slowest is None else f"time constant {short(slowest)} tokens"
        error = f"{max(self.error, 1e-12):.1g}"
        number = f"{len(self.eigenvalues):,}" if self.is_complete else f"the {len(self.eigenvalues)} largest"
        beyond = sum(abs(each) > 1 for each in self.eigenvalues)
        return (
            f"spectral radius {short(self.radius)}, {holds} · {number} of {counted(self.size, 'eigenvalue')}, "
            f"{beyond} of them outside the unit circle · next token {self.token!r} · accurate to {error}"
        )

    def notes(self) -> tuple[str, ...]:
        """What was left out."""
        listed = ", ".join(f"{leaf} {reason}" for leaf, reason in self.left_out)
        return (f"left out: {listed}",) if listed else ()

    def as_page(self) -> Page:
        """The eigenvalues in the complex plane with the unit circle, the table of the largest, and the summary."""
        from seqshell.core.pictures.page import Axis, Grid, Note, Page, Scatter

        size = max(1.0, 1.05 * self.radius)
        circle = tuple((math.cos(turn), math.sin(turn)) for turn in (2 * math.pi * step / 64 for step in range(65)))
        points = tuple((each.real, each.imag, "") for each in self.eigenvalues)
        plot = Scatter(points, Axis("real", -size, size), Axis("imaginary", -size, size), "Eigenvalues", circle)
        names, *rows = self.table()
        notes = map(Note, (self.summary(), *self.notes()))
        return Page((plot, Grid(tuple(names), tuple(rows)), *notes), f"Spectrum at {self.position:,}")

    def as_text(self) -> str:
        """The table of the largest eigenvalues, and the summary."""
        return "\n".join([*columns(self.table()), self.summary(), *self.notes()])


def time_constant(eigenvalue: complex) -> float | None:
    """-1 / ln |eigenvalue| in tokens: after so many, what it carries is 1/e of what it was. None if it does not shrink;
    0 for an eigenvalue of 0.
    """
    size = abs(eigenvalue)
    if size >= 1:
        return None
    return -1 / math.log(size) if size > 0 else 0.0


def period(eigenvalue: complex) -> float | None:
    """The number of tokens in which what an eigenvalue carries turns round once; None for a positive real one."""
    angle = abs(cmath.phase(eigenvalue))
    return 2 * math.pi / angle if angle > 1e-9 else None


def _shown(value: complex) -> tuple[Any, ...]:
    constant, turns = time_constant(value), period(value)
    written = short(value.real) + (f" ± {short(value.imag)}i" if value.imag else "")
    return (
        written,
        Short(abs(value)),
        "grows" if constant is None else f"{short(constant)} tokens",
        "" if turns is None else f"{short(turns)} tokens",
    )
