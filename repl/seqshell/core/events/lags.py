"""The event of gradients by time lag: how much of the gradient of a loss comes from how many steps before."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from seqshell.core.events.base import Event, Rows
from seqshell.core.text_output import short

if TYPE_CHECKING:
    from seqshell.core.pictures.page import Page

TEXT_WIDTH = 60  # columns of the plain text
BAR, PANEL, LABEL = 8, 18, 5  # columns of a bar, of a panel with its gap, and of a lag before it
LEAST_DECADES, MOST_DECADES = 2, 12  # powers of ten between an empty bar and the longest
LEVELS, LEVEL_DECADES = " ▁▂▃▄▅▆▇█", 0.5  # of a sparkline, and the power of ten between two of them


@dataclass(frozen=True)
class LagNorms:
    """The norms of the gradients with respect to a part of the state, such as `cell[1]`, `lags` steps before the loss.

    Each is the mean over some sequences; None if it is not finite. half_life: in steps; None if they do not decay.
    """

    model: str
    epoch: int
    part: str
    lags: tuple[int, ...]
    norms: tuple[float | None, ...]
    half_life: float | None = None

    @property
    def largest(self) -> float:
        """The largest norm; 1 if none is above 0."""
        return max((norm for norm in self.norms if norm), default=1.0)

    def share(self, lag: int, decades: float) -> float | None:
        """The norm of a lag as the length of a bar, 0 to 1, on a log scale below the largest; None: not measured."""
        if lag not in self.lags:
            return None
        norm = self.norms[self.lags.index(lag)]
        if norm is None:
            return 1.0  # not finite
        return max(0.0, 1 + math.log10(norm / self.largest) / decades) if norm > 0 else 0.0

    def sparkline(self) -> str:
        """A character for each norm; each level is about a third of the next one, and the largest norm the highest."""
        levels = len(LEVELS) - 1
        shares = [self.share(lag, levels * LEVEL_DECADES) or 0.0 for lag in self.lags]
        return "".join(LEVELS[math.ceil(levels * share)] for share in shares)

    def life(self) -> str:
        """The half-life in words."""
        return "none" if self.half_life is None else short(self.half_life)


@dataclass(frozen=True)
class GradientLags(Event):
    """The gradients by time lag of trainings: of each model, its epochs in order, and of each epoch, its parts."""

    measured: tuple[LagNorms, ...]

    def as_json(self) -> Mapping[str, Any]:
        """Each model, epoch and part."""
        names = ("model", "epoch", "part", "half_life", "lags", "norms")
        return {"gradient_by_lag": [{name: getattr(each, name) for name in names} for each in self.measured]}

    def as_rows(self) -> Rows:
        """One row for each model, epoch, part and lag."""
        rows = [
            (each.model, each.epoch, each.part, lag, norm)
            for each in self.measured
            for lag, norm in zip(each.lags, each.norms, strict=True)
        ]
        return [("model", "epoch", "part", "lag", "norm"), *rows]

    def as_text(self) -> str:
        """The chart, for a narrow window."""
        return self.chart(TEXT_WIDTH)

    def chart(self, width: int, full: str = "█") -> str:
        """Panels of bars, as many beside each other as fit: a row for each lag, and the half-life in steps."""
        panels, decades = self.panels(), self.decades
        most = max(1, (width - LABEL + 1) // PANEL)
        fit = math.ceil(len(panels) / math.ceil(len(panels) / most))
        lines = [f"|d loss / d state| by steps back; a bar is {decades} powers of 10"]
        for start in range(0, len(panels), fit):
            row = panels[start : start + fit]
            lags = sorted({lag for each in row for lag in each.lags})
            lines += [
                "",
                _line("", [each.model for each in row]),
                _line("", [each.part for each in row]),
                _line("", [f"epoch {each.epoch}" for each in row]),
                *(_line(str(lag), [_cell(each, lag, decades, full) for each in row]) for lag in lags),
                _line("", [f"half-life {each.life()}" for each in row]),
            ]
        return "\n".join(lines)

    def panels(self) -> list[LagNorms]:
        """Of one training, the first epoch and the last of each part; of several, the last epoch of each."""
        models = [list(each) for _, each in groupby(self.measured, lambda each: each.model)]
        found = []
        for measured in models:
            first, last = measured[0].epoch, measured[-1].epoch
            shown = (last,) if len(models) > 1 else (first, last)
            parts = list(dict.fromkeys(each.part for each in measured))
            found += sorted((each for each in measured if each.epoch in shown), key=lambda each: parts.index(each.part))
        return found

    @property
    def decades(self) -> int:
        """The powers of ten over which the norms of a panel fall, at most."""
        falls = [math.log10(each.largest / norm) for each in self.panels() for norm in each.norms if norm]
        return min(MOST_DECADES, max(LEAST_DECADES, math.ceil(max(falls, default=0.0))))

    def as_page(self) -> Page:
        """A heat map of the norms that the chart shows, by powers of ten, and a table of them with the half-lives."""
        from seqshell.core.pictures.page import Grid, HeatMap, Note, Page, Scale

        panels, decades = self.panels(), self.decades
        lags = sorted({lag for each in panels for lag in each.lags})
        norms = [[dict(zip(each.lags, each.norms, strict=True)).get(lag) for lag in lags] for each in panels]
        powers = [[decades * (each.share(lag, decades) or 0.0) for lag in lags] for each in panels]
        names = [f"{number}: {each.part}" for number, each in enumerate(panels, 1)]
        backs = tuple(f"{lag} back" for lag in lags)
        heat = HeatMap(
            tuple(names), backs, powers, Scale(0.0, decades, f"powers of 10, the largest of a row is {decades}")
        )
        about = Note("|d loss / d state| by the number of steps between the state and the loss, the mean of sequences")
        rows = tuple(
            (name, each.model, each.epoch, *row, each.life())
            for name, row, each in zip(names, norms, panels, strict=True)
        )
        grid = Grid(("", "model", "epoch", *backs, "half-life"), rows)
        return Page((heat, about, grid), "Gradient by time lag")


def _line(label: str, cells: list[str]) -> str:
    room = PANEL - 1
    shown = [each if len(each) <= room else f"…{each[1 - room :]}" for each in cells]
    return f"{label:>{LABEL - 1}} {''.join(each.ljust(PANEL) for each in shown)}".rstrip()


def _cell(each: LagNorms, lag: int, decades: float, full: str) -> str:
    """The bar and the norm of a lag; nothing if it was not measured."""
    share = each.share(lag, decades)
    if share is None:
        return ""
    norm = each.norms[each.lags.index(lag)]
    number = "inf" if norm is None else f"{norm:.1e}" if norm else "0"
    return f"{full * math.ceil(share * BAR):<{BAR}} {number}"
