"""Training speed of translation models: with the kernels, without them, and in plain torch, step by step.

    python tests/benchmarks/stepping.py FOLDER [--cases float32:feeding,bf16:feeding] [--rounds 7]

FOLDER has train.de, train.en, val.de and val.en of Multi30k. The models are those of `training.py --translation`, 2,000
target tokens per update:

attention  attends after the recurrent layers (Luong et al.), so that a target is computed in a few large products
feeding    the same with input feeding: a step reads the attentional vector of the previous one
before     attends before the recurrent layers (Bahdanau et al.): a step reads its context
coverage   the plugin of tests/plugins/distributions/coverage, a GRU with 512 units: a step needs earlier attention

kernels    an update of seqshell
without    the same where NUMBA_DISABLE_JIT=1: recurrent layers and read-out are torch's
stepping   the usual loop: encode, then module(token, state) for each token, cross-entropy, fused AdamW, no average

Printed are target tokens/s and the ratios. The contenders take turns with the same batches; the medians are compared.
All use both cores.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from seqshell.core.tokenizers import PAD
from seqshell.host.builtin import load_registry
from seqshell.training.preparation import prepare
from seqshell.training.recipes.from_files import load_recipe
from seqshell.training.recipes.recipe import recipe_from
from seqshell.training.run import Run
from training import started, timed, translation_run

SETTINGS = {
    "attention": [],
    "feeding": ["model.input_feeding=true"],
    "before": ["model.placement=before"],
}
COVERAGE = Path(__file__).parents[1] / "plugins" / "distributions" / "coverage"
SIZES = {"embed_size": 256, "hidden_size": 512, "attention_size": 256, "dropout": 0.2}
ALL = [f"{precision}:{model}" for model in (*SETTINGS, "coverage") for precision in ("float32", "bf16")]


def coverage_run(folder: Path, precision: str) -> Run:
    """A run of the plugin with coverage, on the data and with the training of german-english."""
    sys.path.insert(0, str(COVERAGE))
    import seqshell_coverage

    files = {"source": str(folder / "train.de"), "target": str(folder / "train.en")}
    tables = {
        **load_recipe("german-english-base", []).tables(),
        "architecture": "coverage_seq2seq",
        "data": {**files, "validation": [str(folder / "val.de"), str(folder / "val.en")]},
        "model": SIZES,
    }
    tables["training"] = {**tables["training"], "precision": precision, "subword_dropout": 0.0}
    recipe = recipe_from(tables, name="coverage", folder=folder, overrides=[])
    registry = load_registry(modules=[seqshell_coverage])
    return started(Run(prepare(recipe, registry), Path(tempfile.mkdtemp())))


def stepping(run: Run, precision: str) -> Callable[[Any], None]:
    """An update in plain torch."""
    module: Any = run.module
    optimizer = torch.optim.AdamW(module.parameters(), lr=1.2e-3, betas=(0.9, 0.98), fused=True)

    def update(batch: Any) -> None:
        source, lengths, inputs, targets = map(torch.from_numpy, batch)
        module.train()
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            state, logits = module.encode(source, lengths), []
            for token in inputs.split(1, 1):
                step, state = module(token, state)
                logits.append(step)
            flat = torch.cat(logits, 1).float().flatten(0, 1)
            loss = functional.cross_entropy(flat, targets.flatten(), ignore_index=PAD, label_smoothing=0.1)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        optimizer.step()

    return update


def without_kernels(work: Callable[[], Any]) -> None:
    os.environ["NUMBA_DISABLE_JIT"] = "1"
    try:
        work()
    finally:
        del os.environ["NUMBA_DISABLE_JIT"]


def compare(folder: Path, precision: str, model: str, rounds: int) -> None:
    """Print the lines of a model."""
    is_own = model in SETTINGS
    run = translation_run(folder, precision, SETTINGS[model]) if is_own else coverage_run(folder, precision)
    batches = list(islice(run.objective.batches(0), rounds + 1))
    each = {name: cycle(batches) for name in ("kernels", "without", "stepping")}
    plain = stepping(run, precision)
    contenders: dict[str, Callable[[], Any]] = {
        "kernels": lambda: run.train_on(next(each["kernels"])),
        "without": lambda: without_kernels(lambda: run.train_on(next(each["without"]))),
        "stepping": lambda: without_kernels(lambda: plain(next(each["stepping"]))),
    }
    taken = timed(contenders, rounds)
    tokens = [run.objective.num_tokens(batch) for batch in batches[1:]]
    print(
        f"{model} {precision}, {run.num_parameters:,} parameters, {sum(tokens) / rounds:,.0f} target tokens per update"
    )
    for name, seconds in taken.items():
        ratios = sorted(other / own for own, other in zip(taken["kernels"], seconds, strict=True))
        spread = f"{median(ratios):.2f}x ({ratios[0]:.2f} to {ratios[-1]:.2f})" if name != "kernels" else ""
        print(f"  {name:9}{sum(tokens) / sum(seconds):8,.0f} tokens/s  {spread}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cases", default=",".join(ALL))
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    for case in options.cases.split(","):
        precision, _, model = case.partition(":")
        compare(options.folder, precision, model, options.rounds)


if __name__ == "__main__":
    main()
