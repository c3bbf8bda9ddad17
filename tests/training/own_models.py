"""Models of a plugin for the tests of what a module brings to its training, and their recipes."""

from __future__ import annotations

import types
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

import seqshell
from seqshell.host import Registry
from seqshell.host.builtin import load_registry
from seqshell.testing import check_architecture
from seqshell.training.preparation import prepare
from seqshell.training.recipes.recipe import Recipe, recipe_from
from seqshell.training.run import Run

TEXT = "the cat sat on the mat and the dog sat on the log " * 16
PAIRS = ["i see\tje vois", "i love you\tje t' aime", "the cat\tle chat", "the dog sees the cat\tle chien voit le chat"]


TRAINING = {
    "optimizer": "sgd",
    "learning_rate": 0.1,
    "schedule": "constant",
    "warmup_steps": 0,
    "clip_norm": 0,
    "ema": 0,
    "weight_decay": 0,
    "batch_size": 4,
    "sequence_length": 16,
    "state_zeroing": 0,
    "precision": "float32",
    "epochs": 2,
    "resume_every": 1000,
}


@dataclass(frozen=True)
class Config:
    vocab_size: int


@dataclass(frozen=True)
class PairConfig:
    source_vocab_size: int
    target_vocab_size: int


class Bigram(nn.Module):
    """The logits of the next token depend on the last one alone."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.table = nn.Embedding(config.vocab_size, config.vocab_size)
        self.scale = nn.Parameter(torch.ones(config.vocab_size))

    def initial_state(self, batch_size: int = 1) -> Any:
        return self.scale.new_zeros(batch_size, 1)

    def forward(self, tokens: Any, state: Any) -> Any:
        return self.table(tokens) * self.scale, state


class Translator(Bigram):
    def __init__(self, config: Any) -> None:
        super().__init__(Config(config.target_vocab_size))

    def initial_state(self, batch_size: int = 1) -> Any:
        return self.encode(torch.full((batch_size, 1), seqshell.EOS), torch.ones(batch_size, dtype=torch.int64))

    def encode(self, source: Any, lengths: Any) -> Any:
        return lengths[:, None].float()


class Sharp:
    """Two auxiliary losses: the sums of the squared logits as the loss of each target, and the mean of their maxima."""

    def auxiliary(self, outputs: Any, targets: Any, mask: Any) -> Any:
        largest = outputs.max(-1).values
        return {"size": 0.1 * outputs.square().sum(-1), "largest": largest[mask].mean()}


def registry_of(module: type[nn.Module], task: str = "generate") -> Registry:
    """The built-in plugins, and one with an architecture `own`."""
    plugin = types.ModuleType("mine")

    @seqshell.hookimpl
    def seqshell_architectures() -> Any:
        yield seqshell.Architecture("own", seqshell.Task(task), Config if task == "generate" else PairConfig, module)

    plugin.seqshell_architectures = seqshell_architectures  # type: ignore[attr-defined]
    return load_registry(modules=[plugin])


def reading(folder: Path, **training: Any) -> Recipe:
    (folder / "text.txt").write_text(TEXT)
    tables = {
        "task": "generate",
        "architecture": "own",
        "data": {"text": "text.txt"},
        "training": {**TRAINING, **training},
    }
    return recipe_from(tables, name="small", folder=folder)


def translating(folder: Path, **training: Any) -> Recipe:
    (folder / "pairs.tsv").write_text("\n".join(PAIRS) + "\n")
    tables = {
        "task": "translate",
        "architecture": "own",
        "data": {"pairs": "pairs.tsv", "validation": "pairs.tsv"},
        "tokenizer": {"name": "word"},
        "training": {**TRAINING, **training},
    }
    return recipe_from(tables, name="small", folder=folder)


def trained(recipe: Recipe, registry: Registry, folder: Path) -> Run:
    run = Run(prepare(recipe, registry), folder)
    list(run.epochs())
    return run


def weights(run: Run) -> dict[str, torch.Tensor]:
    return {name: weight.detach().clone() for name, weight in run.module.named_parameters()}


class SharpBigram(Sharp, Bigram):
    pass


class SharpTranslator(Sharp, Translator):
    pass


def checks(module: type[nn.Module], task: str = "generate") -> dict[str, Any]:
    (architecture,) = (each for name, each in registry_of(module, task).architectures.items() if name == "own")
    return {check.rule: check for check in check_architecture(architecture)}
