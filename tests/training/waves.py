"""Small recipes of a series, which is a wave, and the models that they train."""

from __future__ import annotations

import math
from pathlib import Path

from seqshell.host.builtin import load_registry
from seqshell.training.loop import train
from seqshell.training.recipes.recipe import recipe_from

ROWS = 120
ENDS = [80, 100, 116]
WAVE = [10 + 3 * math.sin(2 * math.pi * row / 8) for row in range(ROWS)]


def recipe(folder: Path, values=WAVE, model=None, data=None, **training):
    (folder / "wave.csv").write_text("hour,x\n" + "".join(f"{row},{value!r}\n" for row, value in enumerate(values)))
    tables = {
        "task": "forecast",
        "architecture": "forecaster",
        "data": {"table": "wave.csv", "time_column": "hour", "ends": ENDS} | (data or {}),
        "model": {"hidden_size": 8, "horizon": 4, "window": 8, "segment": 2, "quantiles": 3} | (model or {}),
        "training": {
            "epochs": 2,
            "batch_size": 8,
            "sequence_length": 4,
            "precision": "float32",
            "warmup_steps": 0,
            "learning_rate": 0.01,
            "device": "cpu",
            "state_zeroing": 0,
            **training,
        },
        "defaults": {"about": "It continues a wave."},
    }
    return recipe_from(tables, name="wave", folder=folder)


def trained(folder: Path, **settings) -> Path:
    out = folder / "wave.safetensors"
    list(train(recipe(folder, **settings), load_registry(), out))
    return out
