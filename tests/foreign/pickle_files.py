"""Files with pickles, and a class whose objects they may have."""

from __future__ import annotations

from pathlib import Path


class Vocabulary:
    def __init__(self) -> None:
        self.words = ["a", "b"]


def as_file(data: bytes) -> Path:
    path = Path("file.pkl")
    path.write_bytes(data)
    return path
