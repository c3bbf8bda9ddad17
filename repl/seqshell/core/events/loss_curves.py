"""The event of loss curves: the losses of trainings over their updates."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from seqshell.core.events.base import Event, Rows
from seqshell.core.line_plot import LINE, MARK, Part, plot

if TYPE_CHECKING:
    from seqshell.core.pictures.page import Page

Losses = tuple[tuple[int, float], ...]  # an update, and the loss there
TEXT_WIDTH, HEIGHT = 60, 7  # columns of the plain text, and rows of the lines
LABEL = 11  # columns of a number beside the picture, with the edge


@dataclass(frozen=True)
class LossCurve:
    """The losses of a training: means of some updates, and those on the validation data."""

    name: str
    training: Losses
    validation: Losses = ()
    unit: str = "nats"

    @property
    def updates(self) -> int:
        """The last update."""
        return max((step for step, _ in (*self.training, *self.validation)), default=0)

    def chart(self, width: int, *, plain: bool = False) -> list[list[Part]]:
        """The rows of the picture: the lines in a frame, and a legend. plain: with characters of ASCII."""
        room = max(5, width - LABEL)
        edge, corner, rule = ("|", "+", "-") if plain else ("│", "└", "─")
        losses = [loss for _, loss in (*self.training, *self.validation) if math.isfinite(loss)]
        if not losses:
            return [[("no losses yet", "")]]
        ends = {0: f"{max(losses):.4g}", HEIGHT - 1: f"{min(losses):.4g}"}
        rows = plot(self.training, self.validation, room, HEIGHT, plain=plain)
        first = min(step for step, _ in (*self.training, *self.validation))
        return [
            *([(f"{ends.get(number, ''):>{LABEL - 2}} {edge}", ""), *row] for number, row in enumerate(rows)),
            [(f"{'':{LABEL - 1}}{corner}{rule * room}", "")],
            [(" " * LABEL + _spread(f"{first:,}", f"{self.unit} over updates", f"{self.updates:,}", room), "")],
            *self._legend(width, plain=plain),
        ]

    def _legend(self, width: int, *, plain: bool) -> list[list[Part]]:
        """What is what, with the last loss and the best: in one row, or in one for each if they are too long."""
        found: list[list[Part]] = []
        if self.training:
            found.append([("*" if plain else "⠒⠒", LINE), (f" training {self.training[-1][1]:.4f}", "")])
        if self.validation:
            step, best = min(self.validation, key=lambda point: (not math.isfinite(point[1]), point[1]))
            text = f" validation {self.validation[-1][1]:.4f}, best {best:.4f} at {step:,}"
            found.append([("o" if plain else "●", MARK), (text, "")])
        length = sum(len(text) for row in found for text, _ in row) + 3 * (len(found) - 1)
        if LABEL + length <= width:
            joined = [part for row in found for part in ((" · ", ""), *row)]
            return [[(" " * LABEL, ""), *joined[1:]]]
        return [_cut([(" " * LABEL, ""), *row], width) for row in found]


def _cut(row: list[Part], width: int) -> list[Part]:
    """The beginning of a row that is too long."""
    found = []
    for text, kind in row:
        found.append((text[:width], kind))
        width -= len(found[-1][0])
    return found


def _spread(left: str, middle: str, right: str, width: int) -> str:
    """Three texts on one line: at its ends, and between them if there is room."""
    between = middle.center(width - len(left) - len(right))
    return f"{left}{between if len(between) + len(left) + len(right) == width else ' '}{right}"


@dataclass(frozen=True)
class LossCurves(Event):
    """The loss curves of some trainings."""

    in_data: ClassVar[bool] = True
    curves: tuple[LossCurve, ...]

    def as_json(self) -> Mapping[str, Any]:
        """The points of each curve."""
        names = ("name", "unit", "training", "validation")
        return {"loss_curves": [{name: getattr(curve, name) for name in names} for curve in self.curves]}

    def as_rows(self) -> Rows:
        """One row for each update of a run at which a loss was measured."""
        rows: list[tuple[Any, ...]] = []
        for curve in self.curves:
            training, validation = dict(curve.training), dict(curve.validation)
            steps = sorted({*training, *validation})
            rows += ((curve.name, step, training.get(step), validation.get(step)) for step in steps)
        return [("run", "update", "training", "validation"), *rows]

    def as_text(self) -> str:
        """The chart of each, for a narrow window."""
        return "\n\n".join("\n".join(self._text(curve)) for curve in self.curves)

    def _text(self, curve: LossCurve) -> list[str]:
        title = [curve.name] if len(self.curves) > 1 else []
        return [*title, *("".join(text for text, _ in row).rstrip() for row in curve.chart(TEXT_WIDTH))]

    def as_page(self) -> Page:
        """All curves in one frame: a line for each training loss, and dots for the validation."""
        from seqshell.core.pictures.page import Curve, Curves, Page

        shown = []
        for number, curve in enumerate(self.curves):
            for label, points, has_dots in (
                ("training", curve.training, False),
                ("validation", curve.validation, True),
            ):
                finite = [(step, loss) for step, loss in points if math.isfinite(loss)]
                if finite:
                    steps, losses = zip(*finite, strict=True)
                    name = f"{curve.name}, {label}" if len(self.curves) > 1 else label
                    category = number if len(self.curves) > 1 else int(has_dots)
                    shown.append(Curve(name, steps[0], losses, steps=steps, category=category, has_dots=has_dots))
        units = " and ".join(dict.fromkeys(curve.unit for curve in self.curves))
        names = ", ".join(curve.name for curve in self.curves)
        return Page((Curves(tuple(shown), x="updates"),), names, f"Loss in {units} over updates")
