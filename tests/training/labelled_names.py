"""Small recipes of labelled texts: names whose endings tell their language."""

from __future__ import annotations

from pathlib import Path

from seqshell.host.builtin import load_registry
from seqshell.training.preparation import prepare
from seqshell.training.recipes.recipe import recipe_from

ENDINGS = {"ski": "Polish", "ov": "Russian", "ini": "Italian"}
STEMS = [first + vowel + last for first in "bdgkpt" for vowel in "aou" for last in "lnr"]
ROWS = [
    (stem + ending, label) for ending, label in ENDINGS.items() for stem in STEMS[: 30 if label == "Polish" else 54]
]
QUICK = {
    "epochs": 3,
    "batch_size": 16,
    "precision": "float32",
    "warmup_steps": 0,
    "learning_rate": 0.02,
    "device": "cpu",
    "ema": 0,
}


def recipe(folder: Path, rows=ROWS, *, architecture="classifier", data=None, model=None, **training):
    (folder / "names.tsv").write_text("text\tlabel\n" + "".join(f"{text}\t{label}\n" for text, label in rows))
    tables = {
        "task": "classify",
        "architecture": architecture,
        "data": {"table": "names.tsv", "validation": 0.2, **(data or {})},
        "tokenizer": {"name": "char"},
        "model": {"embed_size": 8, "hidden_size": 12, "cell": "gru", "pooling": "last", **(model or {})},
        "training": QUICK | training,
    }
    return recipe_from(tables, name="names", folder=folder)


def prepared(folder: Path, rows=ROWS, **settings):
    return prepare(recipe(folder, rows, **settings), load_registry())
