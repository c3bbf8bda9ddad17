"""Training in several processes over one, each with one thread: tokens/s of updates, interleaved in one run.

    torchrun --nproc-per-node 2 tests/benchmarks/ranks.py [--cases float32:512,bf16:512,float32:128] [--rounds 7]

The language models are those of training.py: two layers, batches of 48 streams of 128 characters. In each round the
first process trains alone while the others wait, then all train with the same batches. Also printed is a validation, of
which each process computes a part, on 10,000 characters.
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
        runs = {"one": language_run(Path(folder), "lstm", hidden, precision, [])}
        runs["all"] = Run(runs["one"].prepared, Path(folder), group)
        runs["all"].choose_precision()
        number = 1 if hidden >= 256 else 4
        works = {name: updates(run, number) for name, run in runs.items()}
        taken: dict[str, list[float]] = {name: [] for name in (*works, "validation one", "validation all")}
        for count in range(rounds + 1):
            for name, run in runs.items():
                here = name == "all" or group.is_writer
                for key, work in ((name, works[name]), (f"validation {name}", run.validate)):
                    spent = seconds(work if here else lambda: None, group)
                    if count:
                        taken[key].append(spent)
        if group.is_writer:
            for kind, tokens in (("", STREAMS * STEPS * number), ("validation ", 10_000)):
                one, all_ = taken[f"{kind}one"], taken[f"{kind}all"]
                ratios = sorted(alone / together for alone, together in zip(one, all_, strict=True))
                speeds = (
                    f"{tokens / median(one):,.0f} tokens/s in one process, {tokens / median(all_):,.0f} in {group.size}"
                )
                span = f"{median(ratios):.2f}x ({ratios[0]:.2f} to {ratios[-1]:.2f})"
                print(f"{kind or 'training '}{precision} 2x{hidden}: {speeds}: {span}", flush=True)
        return median(taken["one"]) / median(taken["all"])


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
