"""A text, and recipes with each tokenizer for it."""

from __future__ import annotations

import random
from pathlib import Path

from seqshell.training.recipes.recipe import Recipe, recipe_from

WORDS = ("the", "cat", "café", "l'homme", "sat.", "on", "Mat,\nAnd", "naïve", "log!", "42", "x\n", "")
TEXT = " ".join(random.Random(0).choices(WORDS, k=600)) + "\nend"
TOKENIZERS = (
    {"name": "char"},
    {"name": "byte"},
    {"name": "word", "min_freq": 2},
    {"name": "whitespace"},
    {"name": "bpe", "vocab_size": 60},
)
TRAINING = {"epochs": 1, "batch_size": 8, "sequence_length": 16, "sample_length": 5, "precision": "float32"}


def recipe(folder: Path, tokenizer: dict[str, object] = TOKENIZERS[0], text: str = TEXT, **data: object) -> Recipe:
    (folder / "text.txt").write_text(text, "utf-8")
    tables = {
        "task": "generate",
        "architecture": "gru",
        "data": {"text": "text.txt", **data},
        "tokenizer": tokenizer,
        "model": {"embed_size": 4, "hidden_size": 6},
        "training": TRAINING,
    }
    return recipe_from(tables, name="small", folder=folder)
