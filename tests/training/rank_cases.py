"""Trainings that two processes and one must do alike; torchrun runs this file in each of the two.

rank_cases.py FOLDER    write FOLDER/two.pt, the weights and losses of each case, and train twice more: until a signal
                            comes, with the exit code in FOLDER/code0 and code1, and from there on again
"""

from __future__ import annotations

import math
import os
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch import nn

import seqshell
from seqshell.cli.program import run as run_program
from seqshell.core.state import leaves
from seqshell.core.tasks import task_spec
from seqshell.host import Registry, resolve
from seqshell.host.builtin import load_registry
from seqshell.training.data import large_table, large_text
from seqshell.training.distributed.group import Group
from seqshell.training.keeping import save_model
from seqshell.training.preparation import prepare
from seqshell.training.recipes.recipe import Recipe, recipe_from
from seqshell.training.run import Run
from seqshell.training.teacher import ask_teacher

UPDATES = 20
SETTINGS = {
    "batch_size": 5,  # does not divide by two
    "sequence_length": 8,
    "epochs": 20,
    "warmup_steps": 3,
    "learning_rate": 0.01,
    "clip_norm": 0.5,
    "ema": 0.9,
    "state_zeroing": 0.2,
    "precision": "float32",
    "resume_every": 1000,
    "device": "cpu",
}
WORDS = ["the", "cat", "sat", "on", "the", "mat", "and", "a", "dog", "saw", "it", "from", "the", "very", "old", "log"]
TEXT = " ".join(WORDS[number * number % 15] for number in range(200))
PAIRS = "".join(
    f"{' '.join(WORDS[n : n + n % 7 + 1])}\t{' '.join(WORDS[n : n + n % 5 + 2])[::-1]}\n" for n in range(13)
)
ROWS = "text,label\n" + "".join(f"{' '.join(WORDS[n : n + n % 6 + 1])},{n % 3}\n" for n in range(13))
TAGGED = "\n".join("".join(f"{word}\t{len(word) % 3}\n" for word in WORDS[n : n + n % 6 + 1]) for n in range(13))
WAVE = "hour,x\n" + "".join(f"{row},{10 + 3 * math.sin(row / 3):.6f}\n" for row in range(80))
DATA: dict[str, dict[str, Any]] = {
    "generate": {"data": {"text": "text.txt"}, "architecture": "lstm", "model": {"embed_size": 6, "hidden_size": 12}},
    "translate": {
        "data": {"pairs": "pairs.tsv", "validation": "pairs.tsv"},
        "architecture": "seq2seq",
        "tokenizer": {"name": "word"},
        "model": {"embed_size": 5, "encoder_size": 6, "hidden_size": 6},
    },
    "classify": {
        "data": {"table": "rows.csv", "validation": "rows.csv"},
        "architecture": "classifier",
        "model": {"embed_size": 5, "hidden_size": 6},
    },
    "tag": {
        "data": {"tags": "tags.conll", "validation": "tags.conll"},
        "architecture": "bidirectional_tagger",
        "tokenizer": {"name": "char"},
        "model": {"embed_size": 5, "hidden_size": 6},
    },
    "forecast": {
        "data": {"table": "wave.csv", "time_column": "hour"},
        "architecture": "forecaster",
        "model": {"hidden_size": 8, "horizon": 4, "window": 8, "segment": 2, "quantiles": 3},
    },
}
OWN = {"data": {"text": "text.txt"}, "architecture": "own"}


@dataclass(frozen=True)
class Config:
    vocab_size: int


class Own(nn.Module):
    """Carries sums of embeddings of the last tokens in a state of two leaves; each token has a row of its own.

    So the rows of tokens that one process does not read get no gradient in it, and `unused` gets none in any.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.tables = nn.ParameterList(nn.Parameter(torch.randn(6)) for _ in range(config.vocab_size))
        self.output = nn.Linear(6, config.vocab_size)
        self.unused = nn.Parameter(torch.ones(3))
        self.register_buffer("seen", torch.zeros(()))

    def initial_state(self, batch_size: int = 1) -> Any:
        return torch.zeros(batch_size, 6), torch.zeros(batch_size, dtype=torch.int64)

    def forward(self, tokens: Any, state: Any) -> Any:
        used = {token: self.tables[token] for token in tokens.unique().tolist()}
        read = torch.stack([torch.stack([used[token] for token in row]) for row in tokens.tolist()])
        sums = state[0][:, None] + read.cumsum(1)
        return self.output(torch.tanh(sums)), (0.5 * sums[:, -1], state[1] + tokens.shape[1])

    def auxiliary(self, outputs: Any, targets: Any, mask: Any) -> Any:
        return {"size": 0.1 * outputs.square().mean(-1), "largest": 0.01 * outputs.max(-1).values[mask].mean()}

    def parameter_groups(self) -> Any:
        return [{"params": [self.output.bias], "lr": 0.05, "weight_decay": 0.0}]


def registry() -> Registry:
    """The built-in plugins, and one with the architecture `own`."""
    plugin = types.ModuleType("mine")

    @seqshell.hookimpl
    def seqshell_architectures() -> Iterator[Any]:
        yield seqshell.Architecture("own", seqshell.Task("generate"), Config, Own)

    plugin.seqshell_architectures = seqshell_architectures  # type: ignore[attr-defined]
    return load_registry(modules=[plugin])


@contextmanager
def large_files(home: Path) -> Iterator[None]:
    """A context in which the smallest file is a large one, whose tokens are written below a folder."""
    large = patch.object(large_text, "LARGE", 1), patch.object(large_table, "BEGINNING", 100)
    with large[0], large[1], patch.dict(os.environ, {"SEQSHELL_HOME": str(home)}):
        yield


def recipes(folder: Path) -> Iterator[tuple[str, Recipe]]:
    """Each case by name."""
    folder.mkdir()
    for name, text in {
        "text.txt": TEXT,
        "pairs.tsv": PAIRS,
        "rows.csv": ROWS,
        "tags.conll": TAGGED,
        "wave.csv": WAVE,
    }.items():
        (folder / name).write_text(text)

    def case(task: str, tables: dict[str, Any], **training: Any) -> Recipe:
        return recipe_from({"task": task, **tables, "training": SETTINGS | training}, name="case", folder=folder)

    def taught(task: str) -> Recipe:
        like = prepare(case(task, DATA[task]), registry())
        torch.manual_seed(7)
        save_model(like, like.new_module().eval(), folder / f"{task}.safetensors", registry(), {}, print)
        return case(task, DATA[task], teacher=f"./{task}.safetensors")

    for task, tables in DATA.items():
        yield task, case(task, tables, accumulate=2 if task == "translate" else 1)  # its batches differ in size
    yield "own module", case("generate", OWN, accumulate=2, clip_value=0.1)
    yield "too few rows", case("classify", DATA["classify"], batch_size=2, class_weights=1.0, label_smoothing=0.1)
    yield "taught", taught("generate")
    yield "taught labels", taught("classify")
    with large_files(folder / "home"):
        for task in ("translate", "classify"):
            large = case(task, DATA[task])
            assert resolve(task_spec(task).encoding)(large, registry()) is not None
            yield f"large {task}", large
    yield "bf16", case("generate", DATA["generate"], precision="bf16", optimizer="sgd", learning_rate=0.1)


def results(folder: Path, group: Group | None = None) -> dict[str, dict[str, torch.Tensor]]:
    """The weights and losses of each case after UPDATES updates."""
    found, plugins = {}, registry()
    for name, recipe in recipes(folder):
        run = Run(prepare(recipe, plugins), folder / "x.run", group)
        list(ask_teacher(run.objective, run.group, lambda: 0))
        next(event for event in run.epochs() if run.progress.step == UPDATES)
        kept = {"weights": run.module, "average": run.average}
        found[name] = {
            "losses": torch.tensor([record["loss"] for record in run.progress.history if "loss" in record]),
            **{f"state {number}": leaf for number, leaf in enumerate(leaves(run.group.whole_state(run.state)))},
            **{f"validation {name}": torch.tensor(value) for name, value in run.validate().items()},
            **{f"{of} {key}": each.clone() for of in kept for key, each in kept[of].state_dict().items()},
        }
    return found


def resumed(folder: Path, group: Group) -> list[dict[str, torch.Tensor]]:
    """The weights of a training with dropout and without an interruption, and of one that was resumed.

    It was interrupted in the middle of an epoch, between batches whose gradients are accumulated.
    """
    tables = DATA["generate"] | {"model": {"hidden_size": 6, "dropout": 0.3}}
    training = SETTINGS | {"epochs": 2, "accumulate": 3}
    prepared = prepare(
        recipe_from({"task": "generate", **tables, "training": training}, name="case", folder=folder), registry()
    )
    whole, halted, again = (Run(prepared, folder / "x.run", group) for _ in range(3))
    list(whole.epochs())
    next(event for event in halted.epochs() if halted.progress.done == whole.objective.num_batches + 2)
    halted.write()
    again.restore()
    list(again.epochs())
    return [run.module.state_dict() for run in (whole, again)]


def main(folder: Path) -> None:
    from seqshell.training.distributed.joining import joined

    torch.set_num_threads(1)
    with joined() as group:
        found = results(folder / str(group.rank), group)
        found["resumed"], found["whole"] = resumed(folder / str(group.rank), group)
        if group.is_writer:
            torch.save(found, folder / "part.pt")
            (folder / "part.pt").rename(folder / "two.pt")
        rank = group.rank
    (folder / f"code{rank}").write_text(str(run_program(long_training(folder))))
    sys.exit(run_program([*long_training(folder), "--resume"]))


def long_training(folder: Path) -> list[str]:
    """The command of a training that writes its files after every few updates, and does not end."""
    settings = ["epochs=100000", "precision=float32", "early_stopping=0", "sample_every=0", "device=cpu"]
    changes = [f"--set=training.{each}" for each in settings]
    out = folder / "long.safetensors"
    return ["train", str(folder / "0" / "text.txt"), "--out", str(out), "--set=model.hidden_size=8", *changes]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
