"""Recipes of trainings that take a moment, for the tests of run folders."""

from __future__ import annotations

from seqshell.training.recipes.recipe import recipe_from

TEXT = "the cat sat on the mat and the dog sat on the log " * 8
TABLES = {
    "task": "generate",
    "architecture": "gru",
    "data": {"text": "text.txt"},
    "model": {"hidden_size": 4, "embed_size": 4},
    "training": {"batch_size": 4, "sequence_length": 20, "sample_length": 2, "precision": "float32", "device": "cpu"},
    "defaults": {"examples": ["the "]},
}


def small(folder, **training):
    (folder / "text.txt").write_text(TEXT)
    tables = {**TABLES, "training": {**TABLES["training"], "epochs": 2, "seed": 5, **training}}
    return recipe_from(tables, name="small", folder=folder)
