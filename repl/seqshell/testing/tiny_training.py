"""A training of a tiny language model that takes a moment, with the hooks of plugins. Imports torch."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from seqshell.core.tasks import Task
from seqshell.host import Registry
from seqshell.models.file import read
from seqshell.training.loop import train
from seqshell.training.recipes.recipe import recipe_from

TEXT = "abc abd acd\n" * 40
RECIPE: Mapping[str, Any] = {
    "task": str(Task.GENERATE),
    "architecture": "rnn",
    "data": {"text": "input.txt"},
    "model": {"embed_size": 4, "hidden_size": 4},
    "training": {"epochs": 2, "batch_size": 16, "sequence_length": 8, "precision": "float32", "device": "cpu"},
}


def tiny_training(registry: Registry, failed: Callable[[], bool] = lambda: False) -> Mapping[str, NDArray[Any]]:
    """Train for two epochs in a temporary folder. Returns the weights of the checkpoint, the same each time.

    failed: called before each batch; when it returns True, the training ends, and there may be no weights.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "input.txt").write_text(TEXT, "utf-8")
        out = folder / "tiny.safetensors"
        for _ in train(recipe_from(RECIPE, name="tiny", folder=folder), registry, out, stopped=failed):
            pass
        return read(out)[1] if out.exists() else {}
