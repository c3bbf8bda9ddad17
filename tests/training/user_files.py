"""Small data files, as users have them."""

from __future__ import annotations

from pathlib import Path


def written(path: Path, text: str) -> str:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return str(path)


GOODS = ("kettle", "lamp", "chair", "table", "clock", "mirror", "carpet", "shelf", "vase", "stove")
MOODS = ("broken on arrival", "a joy to use", "loud and slow", "just what we needed")
OPINIONS = [f"the {good} was {mood}" for good in GOODS for mood in MOODS]
