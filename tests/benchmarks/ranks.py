"""Training in several processes over one, each with one thread: tokens/s of updates, interleaved in one run.

    torchrun --nproc-per-node 2 tests/benchmarks/ranks.py [--cases float32:512,bf16:512,float32:128] [--rounds 7]

The language models are those of training.py: two layers, batches of 48 streams of 128 characters. In each round the
first process trains alone while the others wait, then all train with the same batches. Also printed is a validation on
50,000 characters, of which each process computes a part, and what the machine allows in the same rounds: products of
matrices, which are divided among the processes.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch

from seqshell.training.distributed.group import Group
from seqshell.training.distributed.joining import joined
from seqshell.training.run import Run
from training import STEPS, STREAMS, batches_of, language_run

LIMIT = 1.6


def updates(run: Run, number: int) -> Callable[[], None]:
    """Updates as `Run.epochs` makes them."""
    batches = batches_of(run)

    def work() -> None:
        for _ in range(number):
            run.group.agree(0)
            run.train_on(next(batches))

    return work


def products(number: int) -> Callable[[], None]:
    """Products of two matrices of 512 rows and columns, which fit into a core's cache."""
    first, second = torch.randn(512, 512), torch.randn(512, 512)
    out = torch.empty_like(first)

    def work() -> None:
        for _ in range(number):
            torch.mm(first, second, out=out)

    return work


def seconds(work: Callable[[], object], group: Group) -> float:
    """The time until all processes have finished."""
    group.meet()
    start = time.perf_counter()
    work()
    group.meet()
    return time.perf_counter() - start


def compare(group: Group, hidden: int, precision: str, rounds: int) -> float:
    """Print the speeds of one model; returns the ratio."""
    with tempfile.TemporaryDirectory() as folder:
        runs = {"one": language_run(Path(folder), "lstm", hidden, precision, ["data.validation=0.5"])}
        runs["all"] = Run(runs["one"].prepared, Path(folder), group)
        runs["all"].choose_precision()
        number = 1 if hidden >= 256 else 4
        amounts = {"training": STREAMS * STEPS * number, "validation": 50_000, "products": 600}
        works: dict[tuple[str, str], Callable[[], object]] = {}
        for name, run in runs.items():
            works["training", name] = updates(run, number)
            works["validation", name] = run.validate
            works["products", name] = products(amounts["products"] // run.group.size)
        taken: dict[tuple[str, str], list[float]] = {key: [] for key in works}
        for count in range(rounds + 1):
            for key, work in works.items():
                here = key[1] == "all" or group.is_writer
                spent = seconds(work if here else lambda: None, group)
                if count:
                    taken[key].append(spent)
        if group.is_writer:
            for kind, amount in amounts.items():
                one, all_ = taken[kind, "one"], taken[kind, "all"]
                ratios = sorted(alone / together for alone, together in zip(one, all_, strict=True))
                unit = "products/s" if kind == "products" else "tokens/s"
                speeds = (
                    f"{amount / median(one):,.0f} {unit} in one process, {amount / median(all_):,.0f} in {group.size}"
                )
                span = f"{median(ratios):.2f}x ({ratios[0]:.2f} to {ratios[-1]:.2f})"
                print(f"{kind} {precision} 2x{hidden}: {speeds}: {span}", flush=True)
        return median(taken["training", "one"]) / median(taken["training", "all"])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cases", default="float32:512,bf16:512,float32:128")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    torch.set_num_threads(1)
    with joined() as group:
        cases = [case.split(":") for case in options.cases.split(",")]
        ratios = [compare(group, int(hidden), precision, options.rounds) for precision, hidden in cases]
    return 0 if min(ratios) >= LIMIT or not group.is_writer else 1


if __name__ == "__main__":
    sys.exit(main())
