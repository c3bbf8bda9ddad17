"""Formats values as plain text: cells, columns, counts, probabilities, rows of numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

MAX_PARTS, MAX_PART = 5, 40  # parts of an input that a note names, and characters of each
MAX_VALUE = 80  # characters of a name or value from a file, in a message
UNITS = ((10**9, "GB", 1), (10**6, "MB", 0), (10**3, "kB", 0))


def fixed(value: float) -> str:
    """Format a probability, a share, or what is in nats or bits: with four decimals."""
    return f"{value:.4f}"


def short(value: float) -> str:
    """Format any other measured number, such as a value of a unit or a half-life: with four digits."""
    return f"{value:.4g}"


class Fixed(float):
    """A number in a table that people see as `fixed`."""

    def __str__(self) -> str:
        return fixed(float(self))


class Short(float):
    """A number in a table that people see as `short`."""

    def __str__(self) -> str:
        return short(float(self))


def cell(value: Any, floats: str = ".6g") -> str:
    """Format a value for reading, such as in a table: on, off, 0.333333. floats: the format of floats."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, Fixed | Short):
        return str(value)
    if isinstance(value, float):
        return format(value, floats)
    if isinstance(value, tuple | list):
        return " ".join(cell(each, floats) for each in value)
    return "" if value is None else str(value)


def exact(value: Any) -> str:
    """Format a value as the user may type it, without loss: on, off, 0.8, 10, 1e+22."""
    return repr(float(value)).removesuffix(".0") if isinstance(value, float) else cell(value)


def counted(number: int, thing: str = "token") -> str:
    """Format a number with its noun: 1 token, 1,000 tokens."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def columns(rows: Sequence[Sequence[Any]]) -> list[str]:
    """Align rows in columns, two spaces apart, numbers to the right. Returns a line per row."""
    texts = [[cell(value) for value in row] for row in rows]
    widths = [
        max(len(row[index]) for row in texts if index < len(row)) for index in range(max(map(len, texts), default=0))
    ]
    right = [
        all(isinstance(row[index], int | float) for row in rows[1:] if index < len(row)) and len(rows) > 1
        for index in range(len(widths))
    ]
    place = [str.rjust if to_right else str.ljust for to_right in right]
    return ["  ".join(place[index](text, widths[index]) for index, text in enumerate(row)).rstrip() for row in texts]


def probability(log_prob: float) -> str:
    """Format the probability of a log-probability with four decimals; a dash for zero."""
    return fixed(math.exp(log_prob)) if log_prob > -math.inf else "-"


def rows_as_json(rows: Any) -> list[Any] | None:
    """Convert rows [N, F] to lists, or to a list of numbers if F is 1. Non-finite numbers become None."""
    if rows is None:
        return None
    finite = [[float(value) if math.isfinite(value) else None for value in row] for row in rows]
    return [row[0] if len(row) == 1 else row for row in finite]


def unknown_note(parts: Sequence[str]) -> str:
    """The note that names the parts of an input that a vocabulary lacks; of many, the first."""
    shown = ", ".join(
        in_one_line(part) if len(part) <= MAX_PART else in_one_line(part[:MAX_PART]) + "..."
        for part in parts[:MAX_PARTS]
    )
    more = f" and {len(parts) - MAX_PARTS:,} more" if len(parts) > MAX_PARTS else ""
    return f"unknown to the model: {shown}{more}"


def brief(value: Any) -> str:
    """Format a name or a value from a file for a message: in one line, shortened in the middle to 80 characters."""
    text = value if isinstance(value, str) and value and value.isprintable() else repr(value)
    half = MAX_VALUE // 2
    return text if len(text) <= MAX_VALUE else f"{text[: half - 1]}…{text[-half:]}"


def quoted(value: Any) -> str:
    """Format a value as `brief` does, a text in quotes."""
    return brief(repr(value))


def in_one_line(text: str) -> str:
    """Replace line breaks by spaces."""
    return text.replace("\r", " ").replace("\n", " ")


def readable(size: int) -> str:
    """A number of bytes for people: 8.4 GB, 340 MB, 12 kB."""
    for unit, name, digits in UNITS:
        if size >= unit:
            return f"{size / unit:.{digits}f} {name}"
    return f"{size} bytes"
