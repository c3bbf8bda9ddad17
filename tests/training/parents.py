"""Small recipes of models that are trained further, and the weights with which a training begins."""

from __future__ import annotations

from pathlib import Path

import torch

from seqshell.training.recipes.recipe import recipe_from

QUICK = {
    "epochs": 2,
    "batch_size": 4,
    "sequence_length": 16,
    "learning_rate": 0.01,
    "weight_decay": 0.1,
    "warmup_steps": 0,
    "ema": 0.0,
    "sample_every": 0,
    "sample_length": 5,
    "precision": "float32",
    "device": "cpu",
}


def of(task, architecture, data, model, name="old", tokenizer=None, **training):
    tables = {"task": task, "architecture": architecture, "data": data, "model": model, "training": QUICK | training}
    tables |= {"tokenizer": tokenizer} if tokenizer else {}
    return recipe_from(tables, name=name, folder=Path())


def weights_of(prepared) -> dict[str, torch.Tensor]:
    return prepared.new_module().state_dict()
