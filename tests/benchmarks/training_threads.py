"""Updates of small trainings: all threads against one, and how many threads a training takes.

    python tests/benchmarks/training_threads.py [--rounds 100] [--recipes phrases,copy,...] [--busy]

The recipes need no files; "text" is a character GRU on Python's own documentation, with several numbers of units. Both
contenders take turns, and the medians are compared. Printed are the multiplications of an update, the milliseconds in
one thread, how many times as fast all threads are, and the threads that `seqshell train` uses. With --busy, another
process keeps one core busy meanwhile.
"""

from __future__ import annotations

import argparse
import pydoc
import tempfile
import time
from dataclasses import replace
from itertools import islice
from multiprocessing import Process
from pathlib import Path
from pydoc_data.topics import topics
from statistics import median

import torch

from seqshell.host.builtin import load_registry
from seqshell.training.counting import new_run
from seqshell.training.preparation import prepare
from seqshell.training.recipes.from_files import load_recipe
from seqshell.training.run import Run
from seqshell.training.useful_threads import useful_threads, work

RECIPES = "phrases,copy,adding,remember,text:32,text:64,text:256,python-tags,summaries"
BATCHES = 8


def run_of(name: str, folder: Path) -> Run:
    """The run of a recipe, or of a text with so many units."""
    words, _, units = name.partition(":")
    if units:
        words = str(folder / "text.txt")
        Path(words).write_text("\n".join(pydoc.plain(topics[name]) for name in sorted(topics)), "utf-8")
    registry = load_registry()
    recipe = load_recipe([words], [f"model.hidden_size={units}"] if units else [], registry.recipe_folders)
    return new_run(prepare(replace(recipe, store=folder / "encoded"), registry), folder / "run")


def measured(run: Run, rounds: int) -> tuple[float, float]:
    """Seconds of an update in one thread, and in all."""
    run.choose_precision()
    batches, threads = list(islice(run.objective.batches(0), BATCHES)), (1, torch.get_num_threads())
    seconds: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds + 1):
        for taken, allowed in zip(seconds, threads, strict=True):
            torch.set_num_threads(allowed)
            start = time.perf_counter()
            run.train_on(batches[number % len(batches)])
            taken.append(time.perf_counter() - start)
    return median(seconds[0][1:]), median(seconds[1][1:])


def keep_busy() -> None:
    """Compute until the process is ended."""
    while True:
        sum(range(1_000_000))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--recipes", default=RECIPES)
    parser.add_argument("--busy", action="store_true")
    arguments = parser.parse_args()
    if arguments.busy:
        Process(target=keep_busy, daemon=True).start()
    print(f"{'training':14} {'multiplications':>15} {'ms, 1 thread':>13} {torch.get_num_threads()} threads   chosen")
    for name in arguments.recipes.split(","):
        with tempfile.TemporaryDirectory() as folder:
            run = run_of(name, Path(folder))
            one, all_threads = measured(run, arguments.rounds)
            with useful_threads(run):
                chosen = torch.get_num_threads()
            print(f"{name:14} {work(run):15,} {1000 * one:13.1f} {one / all_threads:8.2f}x {chosen:8}", flush=True)


if __name__ == "__main__":
    main()
