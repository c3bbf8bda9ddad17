"""The memory that trainings need, beside the estimate that `seqshell train` makes before the first step.

    python tests/benchmarks/memory.py [NAME ...]

Each training runs a few steps in a process of its own, whose peak is read from the system (Unix only). Columns: the
estimate and the measured peak, both besides what the process has before the training, in MB, and their ratio. On two
cores, the estimates were between 0.9 and 1.6 of the peaks.
"""

from __future__ import annotations

import json
import random
import re
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

COMMON = {"epochs": 1, "precision": "float32", "sample_every": 0, "sample_length": 5, "device": "cpu"}
CONFIGS: dict[str, dict[str, Any]] = {
    "small character GRU": {"data": ("text", 60, 60_000), "training": {"batch_size": 32, "sequence_length": 64}},
    "large character LSTM": {
        "data": ("text", 90, 60_000),
        "architecture": "lstm",
        "model": {"embed_size": 256, "hidden_size": 1024, "num_layers": 2},
        "training": {"batch_size": 48, "sequence_length": 128},
    },
    "character LSTM": {
        "data": ("text", 90, 13_500),  # two updates: the second has the moments of the first, too
        "architecture": "lstm",
        "model": {"embed_size": 64, "hidden_size": 256, "num_layers": 2},
        "training": {"batch_size": 48, "sequence_length": 128},
    },
    "word GRU, 3,000 words": {
        "data": ("text", 3000, 13_500),
        "tokenizer": {"name": "whitespace"},
        "model": {"embed_size": 64, "hidden_size": 128, "num_layers": 1},
        "training": {"batch_size": 48, "sequence_length": 128},
    },
    "word GRU, 33,000 words, in parts": {
        "data": ("text", 33_000, 35_000),
        "tokenizer": {"name": "whitespace"},
        "training": {"batch_size": 48, "sequence_length": 128},
    },
    "word GRU, 100,000 words, tied": {
        "data": ("text", 100_000, 105_000),
        "tokenizer": {"name": "whitespace"},
        "model": {"embed_size": 32, "hidden_size": 32, "tied": True},
        "training": {"batch_size": 20, "sequence_length": 35},
    },
    "elman, 8,000 words": {
        "data": ("text", 8000, 9000),
        "architecture": "elman",
        "tokenizer": {"name": "whitespace"},
        "training": {"batch_size": 16, "sequence_length": 35},
    },
    "translation with attention": {
        "task": "translate",
        "data": ("pairs", 8000, 2000),
        "architecture": "attention_seq2seq",
        "tokenizer": {"name": "word"},
        "training": {"batch_size": 64},
    },
    "classifier": {
        "task": "classify",
        "data": ("labels", 20_000, 1500),
        "architecture": "classifier",
        "tokenizer": {"name": "word"},
        "training": {"batch_size": 64},
    },
}


def write_data(folder: Path, kind: str, vocab_size: int, size: int) -> dict[str, Any]:
    """Write random words or characters, and return the [data] of a recipe for them."""
    draws = random.Random(0)
    units = [chr(0x4E00 + number) if vocab_size < 200 else f"w{number}" for number in range(vocab_size)]
    drawn = units + draws.choices(units, k=max(0, size - vocab_size))
    if kind == "text":
        path = folder / "data.txt"
        path.write_text(("" if vocab_size < 200 else " ").join(drawn), "utf-8")
        return {"text": path.name, "validation": 0.05}
    path = folder / "data.tsv"
    lines = [" ".join(draws.choices(units, k=draws.randint(5, 30 if kind == "pairs" else 200))) for _ in range(size)]
    if kind == "pairs":
        path.write_text("".join(f"{line}\t{line}\n" for line in lines), "utf-8")
        return {"pairs": path.name}
    path.write_text("text\tlabel\n" + "".join(f"{line}\tl{number % 4}\n" for number, line in enumerate(lines)), "utf-8")
    return {"table": path.name}


def measured(name: str) -> dict[str, int]:
    """The estimate and the peak of a training, in bytes, from a process of its own."""
    found = subprocess.run([sys.executable, __file__, "--one", name], capture_output=True, text=True, check=True)
    values: dict[str, int] = json.loads(found.stdout.splitlines()[-1])
    return values


def train_one(name: str) -> dict[str, int]:
    """Train in this process."""
    from seqshell.host.builtin import load_registry
    from seqshell.training.loop import train
    from seqshell.training.memory import estimate_memory
    from seqshell.training.preparation import prepare
    from seqshell.training.recipes.recipe import recipe_from

    config = CONFIGS[name]
    with tempfile.TemporaryDirectory() as folder:
        tables = {
            "task": config.get("task", "generate"),
            "architecture": config.get("architecture", "gru"),
            "data": write_data(Path(folder), *config["data"]),
            "tokenizer": config.get("tokenizer", {"name": "char"}),
            "model": config.get("model", {}),
            "training": {**COMMON, **config["training"]},
        }
        recipe, registry = recipe_from(tables, name="memory", folder=Path(folder)), load_registry()
        prepared = prepare(recipe, registry)
        before = _resident()
        estimate = estimate_memory(prepared)
        for _ in train(recipe, registry, Path(folder) / "memory.safetensors"):
            pass
    parts = {part: getattr(estimate, part) for part in ("weights", "writing", "activations", "logits")}
    return {"estimate": estimate.total, "peak": peak() - before, **parts}


def peak() -> int:
    """The largest memory of this process so far. On Linux, ru_maxrss includes that of the process that started it."""
    status = Path("/proc/self/status")
    if status.exists() and (found := re.search(r"^VmHWM:\s+(\d+) kB", status.read_text(), re.M)):
        return int(found[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _resident() -> int:
    """The memory of this process now."""
    import os

    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(train_one(sys.argv[2])))
        return
    print(f"{'training':34} {'estimate':>9} {'peak':>9} {'ratio':>6}   weights writing activations logits (MB)")
    for name in sys.argv[1:] or CONFIGS:
        values = {key: value / 1e6 for key, value in measured(name).items()}
        ratio = values["estimate"] / values["peak"]
        parts = " ".join(f"{values[part]:.0f}" for part in ("weights", "writing", "activations", "logits"))
        print(f"{name:34} {values['estimate']:9.0f} {values['peak']:9.0f} {ratio:6.2f}   {parts}", flush=True)


if __name__ == "__main__":
    main()
