"""Untrained models as teachers, and small recipes of each task that have one."""

from __future__ import annotations

from pathlib import Path

import torch

from seqshell.core.tasks import task_spec
from seqshell.host import resolve
from seqshell.models.saving import save_checkpoint
from seqshell.training.preparation import prepare
from seqshell.training.recipes.recipe import recipe_from
from seqshell.training.run import Run
from seqshell.training.teacher import ask_teacher

STEMS = [first + vowel + last for first in "bdgk" for vowel in "aou" for last in "lnr"]
ROWS = [(stem + ending, label) for ending, label in (("ski", "pl"), ("ov", "ru")) for stem in STEMS]
LABELLED = {
    "task": "classify",
    "architecture": "classifier",
    "data": {"table": "names.tsv", "validation": 0.2},
    "model": {"embed_size": 5, "hidden_size": 6, "cell": "gru", "pooling": "last"},
}
QUICK = {
    "epochs": 2,
    "batch_size": 16,
    "sequence_length": 8,
    "precision": "float32",
    "warmup_steps": 0,
    "learning_rate": 0.02,
    "device": "cpu",
    "resume_every": 1000,
    "ema": 0.9,
}
WORDS = ["the cat sat on the mat", "a dog saw it", "the very old log and a cat", "it sat", "on the log a dog sat"]
FILES = {
    "names.tsv": "text\tlabel\n" + "".join(f"{text}\t{label}\n" for text, label in ROWS),
    "text.txt": " ".join(WORDS) * 5,
    "pairs.tsv": "".join(f"{line}\t{line[::-1]}\n" for line in WORDS),
    "tags.conll": "\n".join("".join(f"{word}\t{len(word) % 3}\n" for word in line.split()) for line in WORDS),
}
TABLES = {
    "classify": LABELLED,
    "generate": {"data": {"text": "text.txt"}, "architecture": "lstm", "model": {"embed_size": 6, "hidden_size": 8}},
    "translate": {
        "data": {"pairs": "pairs.tsv", "validation": "pairs.tsv"},
        "architecture": "seq2seq",
        "tokenizer": {"name": "word"},
        "model": {"embed_size": 5, "encoder_size": 6, "hidden_size": 6},
    },
    "tag": {
        "data": {"tags": "tags.conll", "validation": "tags.conll"},
        "architecture": "bidirectional_tagger",
        "tokenizer": {"name": "char"},
        "model": {"embed_size": 5, "hidden_size": 6},
    },
}


def recipe(folder: Path, task="classify", overrides=(), **training):
    tables = {"task": task, **TABLES[task], "training": QUICK | training}
    return recipe_from(tables, name="child", folder=folder, overrides=overrides)


def saved(folder: Path, registry, name: str, seed: int, task="classify", tokenizer=None, labels=None, **config):
    """A checkpoint of an untrained model for the task in the folder, with weights that make its answers differ."""
    like = prepare(recipe(folder, task), registry)
    tokenizer = like.tokenizer if tokenizer is None else tokenizer
    labels = like.labels if labels is None else labels
    numbers = {"num_classes": len(labels), "source_vocab_size": like.source_tokenizer and like.source_tokenizer.size}
    sizes = {name: numbers.get(name, tokenizer.size) for name in task_spec(task).sizes}
    spec = registry.lookup("architecture", like.architecture.name)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = resolve(spec.model)(resolve(spec.config)(**{**TABLES[task]["model"], **sizes, **config})).eval()
        for parameter in module.parameters():
            parameter.data.mul_(3)
    save_checkpoint(
        folder / f"{name}.safetensors",
        architecture=like.architecture.name,
        module=module,
        tokenizer=tokenizer,
        source_tokenizer=like.source_tokenizer,
        labels=labels,
        registry=registry,
        provenance={},
    )
    return module


def started(chosen, registry, folder: Path) -> Run:
    run = Run(prepare(chosen, registry), folder)
    list(ask_teacher(run.objective, run.group, lambda: 0))
    return run
