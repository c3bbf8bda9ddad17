"""Draws a line through points and marks at others as text."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from seqshell.core.plane import DOTS, Plane

Points = Sequence[tuple[float, float]]  # x and y
Part = tuple[str, str]  # a text, and what it shows: LINE, MARK, or "" for neither
LINE, MARK = "line", "mark"


def plot(line: Points, marks: Points, width: int, height: int, *, plain: bool = False) -> list[list[Part]]:
    """The rows of the picture, from the top: a line through the first points, a mark at each of the others.

    Where several points have one place, the line shows their mean. plain: with characters of ASCII. Points that are not
    finite are left out; without others, the rows are empty.
    """
    line, marks = _finite(line), _finite(marks)
    if not (line or marks):
        return [[] for _ in range(height)]
    x, y = _ends([x for x, _ in (*line, *marks)]), _ends([y for _, y in (*line, *marks)])
    plane = Plane(width, height, x, y, unicode=not plain)
    dots = width * DOTS[0], height * DOTS[1]
    before: tuple[float, float] | None = None
    for point in _means(line, x, dots[0]):
        for step in _between(before or point, point, (x, y), dots):
            plane.point(*step, LINE)
        before = point
    for point in marks:
        plane.mark(*point, MARK, "o" if plain else "●")
    return [[(text, kind) for kind, text in plane.line(row)] for row in range(height)]


def _finite(points: Points) -> Points:
    return [(x, y) for x, y in points if math.isfinite(x) and math.isfinite(y)]


def _ends(values: Sequence[float]) -> tuple[float, float]:
    """The least and the largest value; if they are equal, that and a larger one."""
    low, high = min(values), max(values)
    return low, high if high > low else low + (abs(low) or 1.0)


def _means(points: Points, ends: tuple[float, float], number: int) -> Iterator[tuple[float, float]]:
    """The mean of the points in each of so many equal parts of the axis, where there are some."""
    low, high = ends
    found: dict[int, list[tuple[float, float]]] = {}
    for x, y in points:
        found.setdefault(min(number - 1, int((x - low) / (high - low) * number)), []).append((x, y))
    for _, part in sorted(found.items()):
        yield math.fsum(x for x, _ in part) / len(part), math.fsum(y for _, y in part) / len(part)


def _between(
    start: tuple[float, float],
    end: tuple[float, float],
    ends: tuple[tuple[float, float], tuple[float, float]],
    dots: tuple[int, int],
) -> Iterator[tuple[float, float]]:
    """Points from one to another, which leave no dot out. dots: of each axis between its ends."""
    sizes = [abs(to - at) / (high - low) for at, to, (low, high) in zip(start, end, ends, strict=True)]
    steps = max(1, *(math.ceil(size * number) for size, number in zip(sizes, dots, strict=True)))
    for step in range(steps + 1):
        share = step / steps
        yield start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share
