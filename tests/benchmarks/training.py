"""Training speed: updates of a recipe against a plain torch loop, or against another version of seqshell.

    python tests/benchmarks/training.py [--cases float32:512,bf16:512,float32:128,bf16:128]
        [--cell lstm] [--rounds 7] [--threads 1]
    python tests/benchmarks/training.py --translation FOLDER --rival REPOSITORY [--set model.input_feeding=true]

Language models: two layers with embeddings of 128, batches of 48 streams of 128 characters, AdamW, gradients clipped to
norm 1. Plain torch is nn.LSTM (or nn.GRU, nn.RNN), fused AdamW and autocast for bf16, without the average of the
weights that a recipe has. Printed are tokens/s, FLOP/s as a share of the matrix multiply peak of that type measured in
the same run, the ratio, and the milliseconds of each part of an update and of a validation on 10,000 characters.

--translation: FOLDER has train.de, train.en, val.de and val.en of Multi30k, for the recipe german-english with a
read-out of its own and without drawing subwords anew, 12.5M parameters. --rival: a checkout of the version to compare
with, which runs in a process of its own and waits while this one computes.

The contenders take turns, and the medians of the rounds are compared. All use as many threads as there are cores, or
--threads: the ratios of one thread are hardly disturbed by other processes.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from seqshell.host.builtin import load_registry
from seqshell.training import run as run_module
from seqshell.training.preparation import prepare
from seqshell.training.recipes.from_files import load_recipe
from seqshell.training.recipes.recipe import recipe_from
from seqshell.training.run import Run

STREAMS, STEPS, EMBED, LAYERS = 48, 128, 128, 2
GATES = {"lstm": 4, "gru": 3, "rnn": 1}
PLAIN = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}
TYPES = {"float32": torch.float32, "bf16": torch.bfloat16}
ALL = "float32:512,bf16:512,float32:128,bf16:128"
LIMIT = 1.5  # times plain torch, and times today for translation in float32

Update = Callable[[], float]  # trains on one batch and returns its loss


def language_run(folder: Path, cell: str, hidden: int, precision: str, settings: list[str]) -> Run:
    """A run on random text of 65 characters."""
    draws = random.Random(0)
    letters = "".join(map(chr, range(32, 97)))
    (folder / "text.txt").write_text(letters + "".join(draws.choices(letters, k=100_000)), "utf-8")
    tables = {
        "task": "generate",
        "architecture": cell,
        "data": {"text": "text.txt"},
        "model": {"embed_size": EMBED, "hidden_size": hidden, "num_layers": LAYERS},
        "training": {"batch_size": STREAMS, "sequence_length": STEPS, "precision": precision},
    }
    recipe = recipe_from(tables, name="speed", folder=folder, overrides=settings)
    return started(Run(prepare(recipe, load_registry()), folder))


def translation_run(folder: Path, precision: str, settings: list[str]) -> Run:
    """A run of the recipe german-english-base on the files of a folder."""
    files = [f"data.source={folder / 'train.de'}", f"data.target={folder / 'train.en'}"]
    files += [f'data.validation=["{folder / "val.de"}", "{folder / "val.en"}"]']
    size = ["model.tied=false", f"training.precision={precision}", "training.subword_dropout=0"]
    recipe = load_recipe("german-english-base", [*files, *size, *settings])
    return started(Run(prepare(recipe, load_registry()), Path(tempfile.mkdtemp())))


def started(run: Run) -> Run:
    run.choose_precision()
    return run


def batches_of(run: Run) -> Iterator[Any]:
    """The batches of the first epoch, over and over."""
    while True:
        yield from run.objective.batches(0)


def own(run: Run) -> Update:
    """Updates of a run, with all that training does between two validations."""
    batches = batches_of(run)
    return lambda: run.train_on(next(batches))["loss"]


class Plain(nn.Module):
    """The language model in plain torch."""

    def __init__(self, cell: str, vocab_size: int, hidden: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, EMBED)
        self.recurrent = PLAIN[cell](EMBED, hidden, LAYERS, batch_first=True)
        self.readout = nn.Linear(hidden, vocab_size)


def plain(run: Run, cell: str, hidden: int, precision: str) -> Update:
    """The usual training loop."""
    torch.manual_seed(0)
    model = Plain(cell, run.objective.tokenizer.size, hidden)  # type: ignore[attr-defined]  # of a language model
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, betas=(0.9, 0.99), fused=True)
    zeros = torch.zeros(LAYERS, STREAMS, hidden)
    kept: list[Any] = [(zeros, zeros) if cell == "lstm" else zeros]
    batches = batches_of(run)

    def update() -> float:
        inputs, targets = map(torch.from_numpy, next(batches))
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            hidden, state = model.recurrent(model.embedding(inputs), kept[0])
            loss = functional.cross_entropy(model.readout(hidden).float().flatten(0, 1), targets.flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        parts = state if cell == "lstm" else (state,)
        parts = tuple(part.detach().float() for part in parts)
        kept[0] = parts if cell == "lstm" else parts[0]
        return loss.item()

    return update


def flops(cell: str, hidden: int, vocab_size: int) -> float:
    """Of a token, forward and backward: 6 for each weight of a matrix."""
    gates = GATES[cell]
    layers = sum(gates * hidden * (size + hidden) for size in [EMBED] + [hidden] * (LAYERS - 1))
    return 6.0 * (layers + hidden * vocab_size)


def peak(precision: str) -> Update:
    """A product of two matrices of 2048 rows and columns; 17.2 GFLOP."""
    first, second = torch.randn(2048, 2048).to(TYPES[precision]), torch.randn(2048, 2048).to(TYPES[precision])
    out = torch.empty_like(first)
    return lambda: float(torch.mm(first, second, out=out)[0, 0])


PEAK_FLOP = 2 * 2048.0**3


def timed(contenders: dict[str, Update], rounds: int) -> dict[str, list[float]]:
    """The seconds of each in every round, in turn, after a first round that is not counted."""
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, work in contenders.items():
            start = time.perf_counter()
            work()
            if number:
                taken[name].append(time.perf_counter() - start)
    return taken


def compare_language(cell: str, hidden: int, precision: str, options: argparse.Namespace) -> bool:
    """Print the line of a language model and its profile; returns whether the target is met."""
    with tempfile.TemporaryDirectory() as folder:
        run = language_run(Path(folder), cell, hidden, precision, options.set)
        update, rival = own(run), plain(run, cell, hidden, precision)
        repeats = 4 if hidden < 256 else 1  # so that every turn takes a good part of a second
        taken = timed(
            {
                "seqshell": lambda: [update() for _ in range(repeats)][-1],
                "torch": lambda: [rival() for _ in range(repeats)][-1],
                "peak": peak(precision),
            },
            options.rounds,
        )
        middle = {name: median(each) for name, each in taken.items()}
        ratios = sorted(theirs / ours for ours, theirs in zip(taken["seqshell"], taken["torch"], strict=True))
        tokens = STREAMS * STEPS * repeats
        work = flops(cell, hidden, run.objective.tokenizer.size) * tokens  # type: ignore[attr-defined]
        most = PEAK_FLOP / min(taken["peak"])
        print(f"{cell} {precision} {LAYERS}x{hidden}, peak {most / 1e9:.0f} GFLOP/s")
        for name in ("seqshell", "torch"):
            speed = work / middle[name]
            print(f"  {name:9} {tokens / middle[name]:9,.0f} tokens/s {speed / 1e9:6.0f} GFLOP/s {speed / most:6.1%}")
        found = median(ratios)
        print(f"  {found:.2f}x of plain torch ({ratios[0]:.2f} to {ratios[-1]:.2f})")
        profile(run, options.rounds)
        start = time.perf_counter()
        run.validate()
        print(f"  validation {1000 * (time.perf_counter() - start):.1f} ms", flush=True)
        return found >= LIMIT


def profile(run: Run, rounds: int) -> None:
    """Print the milliseconds of an update by part."""
    parts: dict[str, float] = defaultdict(float)

    def watched(name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            start = time.perf_counter()
            found = work(*given, **named)
            parts[name] += time.perf_counter() - start
            return found

        return call

    class Objective:
        """The objective, whose losses are timed."""

        def __init__(self) -> None:
            self.loss = watched("forward", run.prepared.objective.loss)

        def __getattr__(self, name: str) -> Any:
            return getattr(run.prepared.objective, name)

    update = own(run)
    kept = {name: getattr(run_module, name) for name in ("update_average",)}
    run.objective = Objective()  # type: ignore[assignment]
    run._backward = watched("backward", run._backward)  # type: ignore[method-assign]
    run.optimizer.step = watched("optimizer", run.optimizer.step)  # type: ignore[method-assign]
    run_module.update_average = watched("EMA", run_module.update_average)
    start = time.perf_counter()
    for _ in range(rounds):
        update()
    whole = time.perf_counter() - start
    for name, function in kept.items():
        setattr(run_module, name, function)
    parts["Python"] = whole - sum(parts.values())
    print("  ms: " + " · ".join(f"{name} {1000 * seconds / rounds:.1f}" for name, seconds in parts.items()), flush=True)


def compare_translation(options: argparse.Namespace) -> None:
    """Print target tokens/s of both versions, in each precision."""
    for precision in TYPES:
        run = translation_run(options.translation, precision, options.set)
        update = own(run)
        command = [sys.executable, __file__, "--serve", precision, "--translation", str(options.translation)]
        for change in options.set:
            command += ["--set", change]
        environment = {"PYTHONPATH": f"{options.rival / 'repl'}:{options.rival / 'plugins'}", "PATH": ""}
        environment["OMP_NUM_THREADS"] = str(torch.get_num_threads())
        with subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdin is not None  # they are pipes
            assert process.stdout is not None

            def rival(process: Any = process) -> float:
                process.stdin.write("\n")
                process.stdin.flush()
                return float(process.stdout.readline())

            rival()
            taken = timed({"seqshell": update, "rival": rival}, options.rounds)
            process.stdin.close()
        tokens = [run.objective.num_tokens(batch) for batch in islice(run.objective.batches(0), 1, options.rounds + 1)]
        ratios = sorted(theirs / ours for ours, theirs in zip(*taken.values(), strict=True))
        speeds = {name: sum(tokens) / sum(each) for name, each in taken.items()}
        listed = " · ".join(f"{name} {speed:,.0f}" for name, speed in speeds.items())
        size = f"{run.num_parameters:,} parameters, {sum(tokens) / len(tokens):,.0f} target tokens"
        print(f"translation {precision}, {size}")
        print(f"  target tokens/s: {listed} · {median(ratios):.2f}x ({ratios[0]:.2f} to {ratios[-1]:.2f})")
        profile(run, 2)


def serve(options: argparse.Namespace) -> None:
    """Train on a batch for each line of the input; the version of seqshell is that of the path."""
    update = own(translation_run(options.translation, options.serve, options.set))
    for _ in sys.stdin:
        print(update(), flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cases", default=ALL)
    parser.add_argument("--cell", default="lstm", choices=tuple(GATES))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--translation", type=Path)
    parser.add_argument("--rival", type=Path)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.serve:
        serve(options)
        return 0
    if options.translation:
        compare_translation(options)
        return 0
    met = []
    for case in options.cases.split(","):
        precision, _, hidden = case.partition(":")
        met.append(compare_language(options.cell, int(hidden), precision, options))
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
