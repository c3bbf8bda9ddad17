"""Whether `train --from` beats training from scratch after the same seconds, on a small text.

    python tests/benchmarks/from_parent.py [--parent NAME|PATH] [--text FILE] [--characters N] [--seconds N]
                                           [--set KEY=VALUE]

The small text is the end of a text, by default of Python's help topics. Without --parent, the parent is trained first,
on the 100,000 characters before it, with the recipe for any text and for as many seconds. Then two trainings of the
same architecture follow in the same process, from the parent and from random weights. Each is stopped after the
seconds, validations included. The table has the lowest validation so far, in nats per character from a zero state,
after a quarter, half and all of the time.

The exit code is 1 if the training from the parent is not the better one in the last column, else 0.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from seqshell.core.events import Table
from seqshell.host.builtin import load_registry
from seqshell.training.data.text import read_text
from seqshell.training.loop import train
from seqshell.training.recipes.from_files import load_recipe
from seqshell.training.recipes.from_parent import with_parent
from seqshell.training.recipes.recipe import Recipe

LARGE = 100_000  # characters that the parent learns from
SHARES = (0.25, 0.5, 1.0)  # of the time, at which the table shows the validation


def main() -> int:
    """Train, print the table, and return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--parent", default="")
    parser.add_argument("--text", default="python:pydoc_data.topics")
    parser.add_argument("--characters", type=int, default=40_000)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--set", action="append", default=[], dest="overrides", metavar="KEY=VALUE")
    options = parser.parse_args()
    overrides = ["training.epochs=1000", "training.schedule=constant", "training.sample_every=0", *options.overrides]
    with tempfile.TemporaryDirectory() as folder:
        text = read_text(options.text)[1]
        parts = {"large": text[-options.characters - LARGE : -options.characters], "small": text[-options.characters :]}
        for name, part in parts.items():
            Path(folder, f"{name}.txt").write_text(part, encoding="utf-8")
        large, small = (load_recipe(str(Path(folder, f"{name}.txt")), overrides) for name in parts)
        parent = options.parent or str(Path(folder, "parent.safetensors"))
        if not options.parent:
            list(validations(large, options.seconds, Path(parent)))
        child = with_parent(small, parent, load_registry().checkpoint_folders, options.overrides)
        scratch = replace(child, training=replace(child.training, parent=""))
        cases = {"from the parent": child, "from random weights": scratch}
        found = {
            name: list(validations(recipe, options.seconds, Path(folder, "model.safetensors")))
            for name, recipe in cases.items()
        }
    times = [share * options.seconds for share in SHARES]
    best = {name: [lowest(records, limit) for limit in times] for name, records in found.items()}
    rows = [(name, *("-" if value is None else f"{value:.4f}" for value in values)) for name, values in best.items()]
    print(Table(("", *(f"{limit:.0f} s" for limit in times)), tuple(rows)).as_text())
    first, *others = (values[-1] for values in best.values())
    return 0 if first is not None and all(other is None or first < other for other in others) else 1


def validations(recipe: Recipe, seconds: float, out: Path) -> Iterator[tuple[float, float]]:
    """Train; the seconds so far, and the nats, of each validation."""
    begun: list[float] = []

    def stopped() -> int:
        begun.append(time.perf_counter())
        return int(begun[-1] - begun[0] > seconds)

    list(train(recipe, load_registry(), out, stopped=stopped))
    for line in out.with_suffix(".run").joinpath("metrics.jsonl").read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        if "validation" in record:
            yield record["seconds"], next(iter(record["validation"].values()))


def lowest(records: list[tuple[float, float]], limit: float) -> float | None:
    """The best validation in the first seconds; None if there was none."""
    return min((nats for seconds, nats in records if seconds <= limit), default=None)


if __name__ == "__main__":
    raise SystemExit(main())
