"""Tables of series, and what is stored of them if they are read in blocks or row by row."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from seqshell.core.errors import RecipeError
from seqshell.training.data.array_store import ArrayStore
from seqshell.training.forecasting.blocks import Block
from seqshell.training.forecasting.corpus import large_series
from seqshell.training.forecasting.plain_blocks import PlainReader
from seqshell.training.preparation_progress import silent
from seqshell.training.recipes.recipe import recipe_from

NUM_ROWS = 150
NUMBERS: dict[str, Callable[[random.Random], str]] = {
    "plain": lambda draws: f"{draws.gauss(0, 9):.3f}",
    "long": lambda draws: repr(draws.gauss(0, 9)),
    "exponents": lambda draws: f"{draws.gauss(0, 9):.4e}",
    "spaces": lambda draws: f" {draws.gauss(0, 9):.2f} ",
    "commas": lambda draws: f"{draws.gauss(0, 9):.2f}".replace(".", ","),
    "gaps": lambda draws: draws.choice(("", "NA", *(f"{draws.random():.2f}",) * 9)),
    "thousands": lambda draws: f"{draws.gauss(9e3, 1e3):,.2f}",
}


def write_table(
    path: Path,
    numbers: str = "plain",
    times: str = "%Y-%m-%d %H:%M",
    delimiter: str = ",",
    keys: tuple[str, ...] = ("",),
    order: str = "series",
    change: Callable[[list[str]], list[str]] = lambda lines: lines,
) -> None:
    """Write series of two columns. change: what is done to the lines in the end."""
    draws, rows = random.Random(3), []
    for key in keys:
        time = datetime(2003, 4, 5)
        for _ in range(NUM_ROWS // len(keys)):
            cells = [*(delimiter.join(times.split("|")),) * bool(times), *(key,) * bool(key)]
            rows.append((time, [time.strftime(cell) for cell in cells] + [NUMBERS[numbers](draws) for _ in "xy"]))
            time += timedelta(hours=draws.choice((12, 12, 12, 24)))
    if order == "time":
        rows.sort(key=lambda row: row[0])
    if order == "none":
        draws.shuffle(rows)
    names = [*(("date", "hour") if "|" in times else ("time",) * bool(times)), *("key",) * bool(keys[0]), "x", "y"]
    path.write_bytes(
        "".join(change([delimiter.join(row) + "\n" for row in (names, *(row for _, row in rows))])).encode()
    )


def read(path: Path, monkeypatch: pytest.MonkeyPatch, *, at_once: bool, **data: Any) -> tuple[Any, list[bool]]:
    """What is stored of the series of a table, or the error, and which blocks were read at once. at_once: if any."""
    read_plain, found = PlainReader.__call__, list[bool]()

    def called(reader: PlainReader, lines: bytes) -> Block | None:
        block = read_plain(reader, lines) if at_once else None
        found.append(block is not None)
        return block

    tables = {"task": "forecast", "architecture": "forecaster", "data": {"table": path.name, **data}}
    recipe = replace(recipe_from(tables, name="small", folder=path.parent), store=path.parent / f"{at_once}")
    series = large_series(recipe)
    assert series is not None
    with monkeypatch.context() as patch:
        patch.setattr(PlainReader, "__call__", called)
        try:
            series.encode(silent)
        except RecipeError as error:
            return error.message, found
    store = ArrayStore.open(series.path)
    assert store is not None
    return ({name: each.tobytes() for name, each in store.arrays.items()}, store.facts), found
