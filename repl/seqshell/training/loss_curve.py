"""The loss curve of a training, drawn with block characters or as a PNG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from seqshell.training.pictures import new_figure, plain_title, write_figure

BLOCKS = " ▁▂▃▄▅▆▇█"
Record = Mapping[str, Any]


def training_losses(history: Sequence[Record]) -> list[tuple[int, float]]:
    """The (step, mean training loss) points of a history."""
    return [(record["step"], record["loss"]) for record in history if "loss" in record]


def validations(history: Sequence[Record]) -> list[tuple[int, float]]:
    """The (step, validation loss) points of a history: nats, or the deciding metric where there are none."""
    found = [(record["step"], record["validation"]) for record in history if "validation" in record]
    return [(step, metrics.get("nats", next(iter(metrics.values())))) for step, metrics in found]


def draw(history: Sequence[Record], unit: str = "nats", *, width: int = 48, height: int = 8) -> str:
    """The training losses as a bar chart in text, above the first, last and best validation loss; "" without any.

    It fits a window of 60 columns.
    """
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
    low -= (high - low) / (8 * height) or 1.0  # keeps the lowest bar visible
    levels = [round((value - low) / (high - low) * 8 * height) for value in values]
    rows = []
    for row in reversed(range(height)):
        label = f"{high:7.3f}" if row == height - 1 else f"{min(values):7.3f}" if row == 0 else " " * 7
        rows.append(f"{label} │" + "".join(BLOCKS[max(0, min(8, level - 8 * row))] for level in levels).rstrip())
    rows.append(" " * 8 + "└" + "─" * width)
    rows.append(f"{'':9}training loss in {unit} over {points[-1][0]:,} steps")
    checks = validations(history)
    if checks:
        best = min(checks, key=lambda check: check[1])
        first, last = checks[0][1], checks[-1][1]
        rows.append(f"{'':9}validation: first {first:.4f}, last {last:.4f},")
        rows.append(f"{'':9}best {best[1]:.4f} after {best[0]:,} steps")
    return "\n".join(rows)


def write_png(history: Sequence[Record], path: Path, title: str, unit: str = "nats") -> None:
    """Draw training and validation loss by step as a PNG."""
    figure = new_figure(8, 5)
    axes = figure.subplots()
    for points, label, style in (
        (training_losses(history), "training", "-"),
        (validations(history), "validation", "o-"),
    ):
        if points:
            axes.plot(*zip(*points, strict=True), style, label=label)
    axes.set(xlabel="steps", ylabel=unit, title=plain_title(title))
    axes.grid(alpha=0.3)
    axes.legend()
    write_figure(figure, path)
