"""Peak memory and time until the first update of trainings on a large text and on a small one, with one table row each.

    python tests/benchmarks/corpus.py [MB] [TOKENIZER ...]

The large text has 1000 MB, or as many as the first number says: random words of a vocabulary by Zipf's law, in
sentences and lines, a few of the letters not ASCII. Each training runs 100 updates in a process of its own, whose peak
is read from the system (Unix only). The second training on a text finds it encoded.
"""

from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

UPDATES = 100
BLOCK = 20_000_000
SMALL = 1  # MB
TOKENIZERS: dict[str, dict[str, Any]] = {
    "char": {"name": "char"},
    "byte": {"name": "byte"},
    "whitespace": {"name": "whitespace", "vocab_size": 20_000},
    "word": {"name": "word", "vocab_size": 20_000},
    "bpe": {"name": "bpe", "vocab_size": 8000},
}


def write_text(path: Path, megabytes: float) -> None:
    """Write a text of about this size. After BLOCK bytes, its lines come again in another order."""
    draws = random.Random(0)
    letters = "abcdefghijklmnopqrstuvwxyzéü"
    words = ["".join(draws.choices(letters, k=draws.randint(2, 9))) for _ in range(50_000)]
    left = int(megabytes * 1e6)
    drawn = draws.choices(words, [1 / (rank + 10) for rank in range(len(words))], k=min(left, BLOCK) // 6)
    for place in range(0, len(drawn), 12):
        drawn[place] = drawn[place].capitalize()
        drawn[place - 1] += "." if place % 60 else ".\n"
    lines = " ".join(drawn).encode().splitlines(keepends=True)
    with path.open("wb") as file:
        while left > 0:
            block = b"".join(lines)
            file.write(block[:left])
            left -= len(block)
            draws.shuffle(lines)


def measured(text: Path, tokenizer: str, folder: Path) -> dict[str, float]:
    """Peak memory in bytes, and seconds until the first update, of a training in a process of its own."""
    words = [sys.executable, __file__, "--one", str(text), tokenizer, str(folder)]
    found = subprocess.run(words, capture_output=True, text=True, check=False)
    if found.returncode:
        raise SystemExit(found.stderr[-2000:])
    values: dict[str, float] = json.loads(found.stdout.splitlines()[-1])
    return values


def train_one(text: Path, tokenizer: str, folder: Path) -> dict[str, float]:
    """Train in this process."""
    start = time.perf_counter()
    from seqshell.core.events import Progress
    from seqshell.host.builtin import load_registry
    from seqshell.training.loop import train
    from seqshell.training.recipes.recipe import recipe_from

    tables = {
        "task": "generate",
        "architecture": "gru",
        "data": {"text": str(text), "validation": 0.01},
        "tokenizer": TOKENIZERS[tokenizer],
        "model": {"embed_size": 32, "hidden_size": 32},
        "training": {"epochs": 1, "sequence_length": 32, "precision": "float32", "sample_every": 0, "device": "cpu"},
    }
    stages: dict[str, float] = {}  # seconds until the last event of each
    seconds: list[float] = []  # until the end of each update
    imported = time.perf_counter()
    recipe = recipe_from(tables, name=f"corpus-{text.stem}-{tokenizer}", folder=folder)
    out = folder / f"{recipe.name}.safetensors"
    for event in train(recipe, load_registry(), out, stopped=lambda: len(seconds) >= UPDATES):
        if isinstance(event, Progress):
            stages[event.description] = time.perf_counter() - imported
            if event.description.startswith("epoch"):
                seconds.append(stages[event.description])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return {"peak": peak, "first": seconds[0], "updates": len(seconds), "import": imported - start, **stages}


def main() -> None:
    words = sys.argv[1:]
    if words[:1] == ["--one"]:
        print(json.dumps(train_one(Path(words[1]), words[2], Path(words[3]))))
        return
    megabytes = float(words.pop(0)) if words and words[0].replace(".", "").isdigit() else 1000
    titles = ("text (MB)", "peak (MB)", "more (MB)", "first update (s)", "again (s)")
    print(f"{'tokenizer':12}", *(f"{title:>16}" for title in titles))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        texts = [(folder / f"text{size}.txt", size) for size in (SMALL, megabytes)]
        for path, size in texts:
            write_text(path, size)
        for tokenizer in words or TOKENIZERS:
            small = 0.0
            for path, size in texts:
                found, again = (measured(path, tokenizer, folder) for _ in range(2))
                peak = max(found["peak"], again["peak"]) / 1e6
                small = small or peak
                print(
                    f"{tokenizer:12} {size:16g} {peak:16.0f} {peak - small:16.0f} {found['first']:16.1f} "
                    f"{again['first']:16.1f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
