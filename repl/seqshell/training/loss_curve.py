"""The loss curve of a training: drawn in block characters, or as a PNG by matplotlib where that is installed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from seqshell.training.pictures import new_figure, plain_title, write_figure

BLOCKS = " ▁▂▃▄▅▆▇█"
Record = Mapping[str, Any]


def training_losses(history: Sequence[Record]) -> list[tuple[int, float]]:
    """(updates done, mean loss) of the records of a training."""
    return [(record["step"], record["loss"]) for record in history if "loss" in record]


def validations(history: Sequence[Record]) -> list[tuple[int, float]]:
    """(updates done, nats or, where a task has none, the figure that decides) of its validations."""
    found = [(record["step"], record["validation"]) for record in history if "validation" in record]
    return [(step, metrics.get("nats", next(iter(metrics.values())))) for step, metrics in found]


def draw(history: Sequence[Record], unit: str = "nats", *, width: int = 60, height: int = 8) -> str:
    """The training loss as a curve of columns, with the validation's first, best and last metrics; empty when nothing was learnt yet."""
    points = training_losses(history)
    if not points:
        return ""
    width = min(width, len(points))
    groups = [
        [loss for _, loss in points[len(points) * column // width : len(points) * (column + 1) // width]]
        for column in range(width)
    ]
    values = [sum(group) / len(group) for group in groups]
    low, high = min(values), max(values)
    low -= (high - low) / (8 * height) or 1.0  # so that the lowest column is still seen
    levels = [round((value - low) / (high - low) * 8 * height) for value in values]
    rows = []
    for row in reversed(range(height)):
        label = f"{high:7.3f}" if row == height - 1 else f"{min(values):7.3f}" if row == 0 else " " * 7
        rows.append(f"{label} │" + "".join(BLOCKS[max(0, min(8, level - 8 * row))] for level in levels).rstrip())
    rows.append(" " * 8 + "└" + "─" * width)
    rows.append(f"{'':9}training loss in {unit} over {points[-1][0]:,} updates")
    checks = validations(history)
    if checks:
        best = min(checks, key=lambda check: check[1])
        rows.append(
            f"{'':9}validation: first {checks[0][1]:.4f}, best {best[1]:.4f} after {best[0]:,} updates, last {checks[-1][1]:.4f}"
        )
    return "\n".join(rows)


def write_png(history: Sequence[Record], path: Path, title: str, unit: str = "nats") -> None:
    """Both curves over the updates, as a PNG."""
    figure = new_figure(8, 5)
    axes = figure.subplots()
    for points, label, style in (
        (training_losses(history), "training", "-"),
        (validations(history), "validation", "o-"),
    ):
        if points:
            axes.plot(*zip(*points, strict=True), style, label=label)
    axes.set(xlabel="updates", ylabel=unit, title=plain_title(title))
    axes.grid(alpha=0.3)
    axes.legend()
    write_figure(figure, path)
