"""Series in large tables: those of small ones, and faults that are named with their rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.training.large_files import TRAINING, write_series

from seqshell.core.errors import RecipeError
from seqshell.host import Registry
from seqshell.training.data import large_table, line_blocks
from seqshell.training.forecasting import block_reading
from seqshell.training.forecasting import corpus as series
from seqshell.training.preparation import prepare
from seqshell.training.recipes.recipe import recipe_from


@pytest.mark.parametrize("order", ["sorted", "mixed", "gaps", "one"])
def test_series_of_a_large_table_are_those_of_a_small_one(
    tmp_path: Path, registry: Registry, large: Callable[[], None], order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_series(tmp_path, order)
    tables = {
        "task": "forecast",
        "architecture": "forecaster",
        "data": {"table": "series.csv", "validation": 0.2},
        "model": {"hidden_size": 4, "horizon": 4, "window": 8, "segment": 4, "linear_window": 4},
        "training": {**TRAINING, "sequence_length": 8},
    }
    recipe = recipe_from(tables, name="small", folder=tmp_path)
    small = prepare(recipe, registry)
    large()
    monkeypatch.setattr(line_blocks, "BLOCK", 2000)
    monkeypatch.setattr(block_reading, "LAST", 100)
    monkeypatch.setattr(series, "GATHERED", 40)
    monkeypatch.setattr(large_table, "BEGINNING", 1000 if order == "one" else 6000)
    prepared = prepare(recipe, registry)

    assert prepared.objective.source.is_stored
    one, other = prepared.objective, small.objective
    for batch, expected in zip(one.batches(7), other.batches(7), strict=True):
        for array, values in zip(batch, expected, strict=True):
            np.testing.assert_array_equal(array, values)
    assert (one.data, one.split, one.series, one.num_batches) == (
        other.data,
        other.split,
        other.series,
        other.num_batches,
    )
    assert one.first_examples(3) == other.first_examples(3)
    module = small.new_module().eval()
    assert one.validate(module) == other.validate(module)
    assert len(list((tmp_path / "encoded").glob("*.tokens"))) <= 1


def test_faults_of_large_series_are_named_with_their_rows(
    tmp_path: Path, registry: Registry, large: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = recipe_from(
        {
            "task": "forecast",
            "architecture": "forecaster",
            "data": {"table": "series.csv", "series_column": "key", "fill": "none"},
        },
        name="small",
        folder=tmp_path,
    )
    large()
    monkeypatch.setattr(line_blocks, "BLOCK", 2000)
    monkeypatch.setattr(block_reading, "LAST", 100)
    monkeypatch.setattr(large_table, "BEGINNING", 6000)
    write_series(tmp_path, "gaps")
    with pytest.raises(
        RecipeError, match=r"^series\.csv, row 2, column x: 1 value is missing in the series a; --set data\.fill=linear"
    ):
        prepare(recipe, registry)
    write_series(tmp_path, "sorted")
    with (tmp_path / "series.csv").open("a") as file:
        file.write("2020-01-01 00:00,b,1,2\n")
    with pytest.raises(RecipeError, match="rows 170 and 506 of the series 'b' have the same time; remove one of them"):
        prepare(recipe, registry)
