"""Peak memory and time until the first update of trainings on large data and on small ones, with one table row each.

    python tests/benchmarks/corpus.py [MB] [char|byte|whitespace|word|bpe|pairs|labels|series ...]

The large data have 1000 MB, or as many as the first number says: random words of a vocabulary by Zipf's law, in
sentences and lines, a few of the letters not ASCII. A text is read with the tokenizer that is named; pairs are two
sentences between a tab, with subwords; labels are sentences with one of ten labels; series are seven columns of numbers
with a time. Each training runs 100 updates in a process of its own, whose peak is read from the system (Unix only). The
second training on the data finds them encoded. Preparation is in seconds of a core.
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

from memory import peak

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
TASKS: dict[str, tuple[str, dict[str, Any]]] = {  # the ending of the file, and what the recipe says
    "pairs": (
        ".tsv",
        {
            "task": "translate",
            "architecture": "seq2seq",
            "key": "pairs",
            "tokenizer": {"name": "bpe", "vocab_size": 2000},
        },
    ),
    "labels": (
        ".csv",
        {
            "task": "classify",
            "architecture": "classifier",
            "key": "table",
            "tokenizer": {"name": "word", "vocab_size": 20_000},
        },
    ),
    "series": (".csv", {"task": "forecast", "architecture": "forecaster", "key": "table"}),
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


def write_rows(path: Path, megabytes: float, kind: str) -> None:
    """Write pairs or labelled texts: the lines of a text."""
    text = path.with_suffix(".text")
    write_text(text, min(megabytes, 2 * BLOCK / 1e6))
    lines = [line for line in text.read_text().replace(". ", ".\n").split("\n") if line]
    text.unlink()
    draws, left = random.Random(1), int(megabytes * 1e6)
    with path.open("w") as file:
        file.write("source\ttarget\n" if kind == "pairs" else "text,label\n")
        while left > 0:
            others = draws.sample(lines, len(lines)) if kind == "pairs" else draws.choices("abcdefghij", k=len(lines))
            form = "{}\t{}\n" if kind == "pairs" else "{},{}\n"
            rows = [form.format(line, other) for line, other in zip(lines, others, strict=True)]
            left -= file.write("".join(rows[: max(1, int(left / len(rows[0])))]))
            draws.shuffle(lines)


def write_series(path: Path, megabytes: float) -> None:
    """Write seven columns of numbers, a row for each minute."""
    import numpy as np

    draws, start, number = np.random.default_rng(0), np.datetime64("2000-01-01T00:00"), 0
    with path.open("w") as file:
        file.write("time," + ",".join("abcdefg") + "\n")
        while file.tell() < megabytes * 1e6:
            places = np.arange(number, number + 10_000)
            values = np.sin(places / 1440 * 2 * np.pi)[:, None] * 20 + draws.normal(size=(len(places), 7)) + 50
            times = (start + places).astype("datetime64[m]").astype(str)
            rows = zip(times.tolist(), values.tolist(), strict=True)
            file.writelines(
                f"{time.replace('T', ' ')},{','.join(f'{value:.4f}' for value in row)}\n" for time, row in rows
            )
            number += len(places)


def write_data(path: Path, megabytes: float, name: str) -> None:
    """Write data of about this size."""
    if name in TOKENIZERS:
        write_text(path, megabytes)
    elif name == "series":
        write_series(path, megabytes)
    else:
        write_rows(path, megabytes, name)


def measured(text: Path, name: str, folder: Path) -> dict[str, float]:
    """Peak memory in bytes, and seconds until the first update, of a training in a process of its own."""
    words = [sys.executable, __file__, "--one", str(text), name, str(folder)]
    found = subprocess.run(words, capture_output=True, text=True, check=False)
    if found.returncode:
        raise SystemExit(found.stderr[-2000:])
    values: dict[str, float] = json.loads(found.stdout.splitlines()[-1])
    return values


def train_one(text: Path, name: str, folder: Path) -> dict[str, float]:
    """Train in this process."""
    start = time.perf_counter()
    from seqshell.core.events import Progress
    from seqshell.host.builtin import load_registry
    from seqshell.training.loop import train
    from seqshell.training.recipes.recipe import recipe_from

    sizes = {"embed_size": 32, "hidden_size": 32}
    tables: dict[str, Any] = {
        "task": "generate",
        "architecture": "gru",
        "key": "text",
        "tokenizer": TOKENIZERS.get(name),
        "model": {"hidden_size": 32} if name == "series" else sizes,
        "training": {
            "epochs": 1,
            "sequence_length": 32,
            "batch_size": 16,
            "precision": "float32",
            "sample_every": 0,
            "device": "cpu",
        },
        **(TASKS[name][1] if name in TASKS else {}),
    }
    tables["data"] = {tables.pop("key"): str(text), "validation": 0.01}
    if name == "series":
        tables.pop("tokenizer")
    stages: dict[str, float] = {}  # seconds until the last event of each
    seconds: list[float] = []  # until the end of each update
    imported, before, worked = time.perf_counter(), process_time(), 0.0
    recipe = recipe_from(tables, name=f"corpus-{text.stem}-{name}", folder=folder)
    out = folder / f"{recipe.name}.safetensors"
    for event in train(recipe, load_registry(), out, stopped=lambda: len(seconds) >= UPDATES):
        if isinstance(event, Progress):
            stages[event.description] = time.perf_counter() - imported
            if event.description.startswith("epoch"):
                seconds.append(stages[event.description])
                worked = worked or process_time()
    return {
        "peak": peak(),
        "first": seconds[0],
        "worked": worked - before,
        "updates": len(seconds),
        "import": imported - start,
        **stages,
    }


def process_time() -> float:
    """Seconds of a core that this process and those that it has ended have worked."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime


def main() -> None:
    words = sys.argv[1:]
    if words[:1] == ["--one"]:
        print(json.dumps(train_one(Path(words[1]), words[2], Path(words[3]))))
        return
    megabytes = float(words.pop(0)) if words and words[0].replace(".", "").isdigit() else 1000
    titles = ("data (MB)", "peak (MB)", "more (MB)", "preparation (s)", "first update (s)", "again (s)")
    print(f"{'data':12}", *(f"{title:>16}" for title in titles))
    for name in words or (*TOKENIZERS, *TASKS):
        small = 0.0
        for size in (SMALL, megabytes):
            with tempfile.TemporaryDirectory() as place:
                folder = Path(place)
                path = folder / f"data{size:g}{TASKS[name][0] if name in TASKS else '.txt'}"
                write_data(path, size, name)
                found, again = (measured(path, name, folder) for _ in range(2))
            most = max(found["peak"], again["peak"]) / 1e6
            small = small or most
            times = found["worked"], found["first"], again["first"]
            print(
                f"{name:12} {size:16g} {most:16.0f} {most - small:16.0f}",
                *(f"{each:16.1f}" for each in times),
                flush=True,
            )


if __name__ == "__main__":
    main()
