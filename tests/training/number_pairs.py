"""Small recipes of sentence pairs: two numbers in French and in English."""

from __future__ import annotations

from pathlib import Path

from seqshell.host.builtin import load_registry
from seqshell.training.loop import train
from seqshell.training.preparation import prepare
from seqshell.training.recipes.recipe import recipe_from

NUMBERS = {"un": "one", "deux": "two", "trois": "three", "quatre": "four", "cinq": "five"}
PAIRS = [(f"{first} et {second}", f"{NUMBERS[first]} and {NUMBERS[second]}") for first in NUMBERS for second in NUMBERS]


def recipe(folder: Path, pairs=PAIRS, **training):
    (folder / "pairs.tsv").write_text("".join(f"{source}\t{target}\n" for source, target in pairs))
    tables = {
        "task": "translate",
        "architecture": "attention_seq2seq",
        "data": {"pairs": "pairs.tsv", "validation": 0.2},
        "tokenizer": {"name": "word"},
        "model": {"embed_size": 16, "encoder_size": 16, "hidden_size": 32},
        "training": {
            "epochs": 3,
            "batch_size": 4,
            "precision": "float32",
            "warmup_steps": 0,
            "learning_rate": 0.01,
            "device": "cpu",
            **training,
        },
        "defaults": {"strategy": "greedy", "max_tokens": 10},
    }
    return recipe_from(tables, name="numbers", folder=folder)


def prepared(folder: Path, pairs=PAIRS, **training):
    return prepare(recipe(folder, pairs, **training), load_registry())


def trained(folder: Path, name: str, **training) -> Path:
    out = folder / f"{name}.safetensors"
    list(train(recipe(folder, **training), load_registry(), out))
    return out
