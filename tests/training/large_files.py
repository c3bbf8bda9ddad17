"""Files with pairs, labelled texts and series, and recipes for them."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from seqshell.training.recipes.recipe import Recipe, recipe_from

ONES = ("un", "deux", "trois", "quatre", "cinq", "café", '"six"')
OTHERS = ("one", "two", "three", "four", "five", "coffee", "'six'")
TRAINING = {"epochs": 1, "batch_size": 8, "precision": "float32", "sample_every": 0}


def pairs(number: int = 120) -> list[tuple[str, str]]:
    draws = random.Random(0)
    rows = [draws.choices(range(len(ONES)), k=draws.randint(1, 5)) for _ in range(number)]
    made = [(" ".join(ONES[each] for each in row), " ".join(OTHERS[each] for each in row)) for row in rows]
    return [*made, ("", "nothing"), ("trop " * 30, "long"), *made[:5], (" ", " ")]


def translation(folder: Path, **changed: Any) -> Recipe:
    tables = {
        "task": "translate",
        "architecture": "seq2seq",
        "data": {"validation": 0.2, **changed.pop("data", {"pairs": "pairs.tsv"})},
        **({"tokenizer": {"name": "word"}} if "source_tokenizer" not in changed else {}),
        "model": {"embed_size": 4, "hidden_size": 6},
        "training": {**TRAINING, "max_length": 20, **changed.pop("training", {})},
        **changed,
    }
    return recipe_from(tables, name="small", folder=folder)


def write_pairs(folder: Path) -> None:
    rows = pairs()
    (folder / "pairs.tsv").write_text("".join(f"{one}\t{other}\n" for one, other in rows))
    (folder / "a.fr").write_text("\n".join(one for one, _ in rows))
    (folder / "a.en").write_text("".join(f"{other}\n" for _, other in rows))
    (folder / "more.tsv").write_text("dix\tten\nun deux\tone two\n" + f"{rows[3][0]}\t{rows[3][1]}\n")


def classification(folder: Path, **changed: Any) -> Recipe:
    tables = {
        "task": "classify",
        "architecture": "classifier",
        "data": {"table": "texts.csv", "validation": 0.2, **changed.pop("data", {})},
        "tokenizer": {"name": "word"},
        "model": {"embed_size": 4, "hidden_size": 6, **changed.pop("model", {})},
        "training": TRAINING,
    }
    return recipe_from(tables, name="small", folder=folder)


def write_texts(folder: Path) -> None:
    draws = random.Random(1)
    rows = [(one.replace('"', '""'), draws.choice(("yes", "no", "0"))) for one, _ in pairs()]
    lines = "".join(f'"{text}",{label}\n' for text, label in [*rows, ("un  deux", ""), ("un", "yes"), ("a\nb", "no")])
    (folder / "texts.csv").write_text("text,label\n" + lines)
    (folder / "other.csv").write_text("text,label\nun deux,yes\nsix,no\n")


def write_series(folder: Path, order: str) -> None:
    """Two columns of three series: in order of time, mixed, with gaps, or as one series."""
    draws = random.Random(2)
    rows = [
        (f"2020-01-{day:02} {hour:02}:00", key, f"{draws.gauss(hour, 3):.3f}", f"{draws.gauss(9, 1):.2f}")
        for key in ("a", "b", "c")
        for day in range(1, 8)
        for hour in range(24)
    ]
    if order == "mixed":
        rows.sort()
        rows[60:90] = reversed(rows[60:90])
    if order == "gaps":
        rows[200] = (*rows[200][:2], "", rows[200][3])
        rows[0] = (*rows[0][:2], "", rows[0][3])
    if order == "one":
        rows = [(time, "", one, other) for time, key, one, other in rows if key == "a"]
    (folder / "series.csv").write_text("time,key,x,y\n" + "".join(f"{','.join(row)}\n" for row in rows))
