"""Whether the quick recipes learn with every seed: train each with several seeds, thread counts and CPU capabilities.

    python tests/benchmarks/recipe_seeds.py [RECIPE ...] [--seeds 0-4] [--threads 1 2] [--cpu native avx2]
                                            [--set KEY=VALUE]

Rounding depends on the number of threads and on the instructions that torch uses (ATEN_CPU_CAPABILITY), so each
combination is another training. Each is one `seqshell train` in a process of its own, one after the other; its model is
thrown away. A line per combination has the worst and the median of the metric over the seeds, the seeds that miss the
target, and the seconds of one training. --set changes a setting in all of them. Without RECIPE: all of them, an hour.

The exit code is 1 if a training misses its target, else 0.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Target:
    """The value of a metric, as `seqshell train --json` names it, that every training must reach."""

    metric: str
    value: float
    lower_is_better: bool = False

    def is_reached_by(self, value: float) -> bool:
        return value <= self.value if self.lower_is_better else value >= self.value

    def worst(self, values: list[float]) -> float:
        return max(values) if self.lower_is_better else min(values)


# Recipes whose data ships or is generated, and that train in about a minute.
TARGETS = {
    "remember": Target("accuracy", 0.99),
    "adding": Target("accuracy", 0.95),
    "copy": Target("exact", 0.97),
    "reverse": Target("exact", 0.97),
    "phrases": Target("exact", 1.0),
    "numbers": Target("exact", 0.95),
}


def main() -> int:
    """Train, print the table, and return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("recipes", nargs="*", metavar="RECIPE", help=", ".join(TARGETS))
    parser.add_argument("--seeds", type=number_range, default=range(5), metavar="FIRST-LAST")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument(
        "--cpu", nargs="+", default=["native", "avx2"], help="values of ATEN_CPU_CAPABILITY; native leaves it unset"
    )
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides")
    chosen = parser.parse_args()
    if unknown := set(chosen.recipes) - TARGETS.keys():
        parser.error(f"no target for {', '.join(sorted(unknown))}; the recipes are {', '.join(TARGETS)}")
    print("recipe     threads  cpu      metric        worst   median  seconds  seeds below the target")
    missed = 0
    for name in chosen.recipes or TARGETS:
        target = TARGETS[name]
        for threads, cpu in itertools.product(chosen.threads, chosen.cpu):
            start = time.perf_counter()
            values = {seed: train(name, seed, threads, cpu, chosen.overrides)[target.metric] for seed in chosen.seeds}
            seconds = (time.perf_counter() - start) / len(values)
            below = [seed for seed, value in values.items() if not target.is_reached_by(value)]
            missed += len(below)
            found = list(values.values())
            print(
                f"{name:<9}  {threads:<7}  {cpu:<7}  {target.metric:<10}  {target.worst(found):>7.4f}  "
                f"{statistics.median(found):>7.4f}  {seconds:>7.0f}  {', '.join(map(str, below)) or 'none'}",
                flush=True,
            )
    return 1 if missed else 0


def train(name: str, seed: int, threads: int, cpu: str, overrides: list[str]) -> dict[str, float]:
    """The metrics of one training."""
    settings = [word for override in overrides for word in ("--set", override)]
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    if cpu != "native":
        environment["ATEN_CPU_CAPABILITY"] = cpu
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "model.safetensors"
        words = ["train", name, "--seed", str(seed), "--out", str(out), "--json", *settings]
        found = subprocess.run(
            [sys.executable, "-m", "seqshell", *words],
            env=environment,
            capture_output=True,
            check=False,
            text=True,
        )
    if found.returncode:
        raise SystemExit(f"{name}, seed {seed}: {found.stderr}")
    metrics: dict[str, float] = json.loads(found.stdout)
    return metrics


def number_range(text: str) -> range:
    """The numbers of FIRST-LAST, both included, or of one number."""
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


if __name__ == "__main__":
    sys.exit(main())
