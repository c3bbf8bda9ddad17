"""Pairs of sentences: two files whose lines belong together, or one with a tab between source and target; and how they are split."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seqshell.core.errors import RecipeError
from seqshell.training.data.generated import PREFIX, make_pairs
from seqshell.training.data.text import made, read_text


@dataclass(frozen=True)
class Pairs:
    """Sentences and their translations, as many of the one as of the other.

    names, digests: of the file, or of both: its name and the sha256 of its bytes, hexadecimal.
    """

    names: tuple[str, ...]
    digests: tuple[str, ...]
    sources: tuple[str, ...]
    targets: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.sources)

    def at(self, rows: Iterable[int]) -> Pairs:
        """Those of some rows."""
        kept = list(rows)
        sources, targets = (tuple(side[row] for row in kept) for side in (self.sources, self.targets))
        return Pairs(self.names, self.digests, sources, targets)

    def without_blank(self) -> Pairs:
        """Those of which both sides have text."""
        both = zip(self.sources, self.targets, strict=True)
        return self.at(row for row, (source, target) in enumerate(both) if source.strip() and target.strip())


@dataclass(frozen=True)
class PairSplit:
    """Pairs cut in two: to train on and to validate on."""

    training: Pairs
    validation: Pairs


def read_pairs(words: Sequence[str], folder: Path = Path(), source: str = "") -> Pairs:
    """The pairs of (SOURCE, TARGET), of (TSV,) or of ("generated:NAME",); relative paths start at `folder`, and `source` says where a
    missing file comes from.

    RecipeError for files of different length, a line without a tab, files that are no text or empty.
    """
    if len(words) not in (1, 2):
        raise RecipeError(
            "sentence pairs are a source and a target file, or one file with a tab between source and target"
        )
    names, texts, digests = zip(*(_read(word, folder, source) for word in words), strict=True)
    if len(words) == 1:
        sources, targets = _columns(names[0], texts[0])
    else:
        sources, targets = _lines(texts[0]), _lines(texts[1])
        if len(sources) != len(targets):
            raise RecipeError(
                f"{names[0]} has {len(sources):,} lines and {names[1]} has {len(targets):,}; line by line, one must translate the other"
            )
    return Pairs(names, digests, tuple(sources), tuple(targets))


def split_pairs(pairs: Pairs, share: float) -> PairSplit:
    """A share of the sources for validation, drawn by chance, always the same; all pairs of one source are on one side."""
    sources = list(dict.fromkeys(pairs.sources))
    order = np.random.default_rng(0).permutation(len(sources))
    chosen = {sources[number] for number in order[: max(1, round(share * len(sources)))]}
    sides = [
        [row for row, source in enumerate(pairs.sources) if (source in chosen) == of_validation]
        for of_validation in (False, True)
    ]
    return PairSplit(*map(pairs.at, sides))


def _read(word: str, folder: Path, source: str) -> tuple[str, str, str]:
    """(name, text, sha256 of its bytes) of a file or of what is made."""
    if not word.startswith(PREFIX):
        return read_text(word, folder, source)
    return made(word, make_pairs(word))


def _columns(name: str, text: str) -> tuple[list[str], list[str]]:
    """The first and the second column; what follows a second tab is left out."""
    rows = [line.split("\t") for line in _lines(text)]
    for number, row in enumerate(rows, 1):
        if len(row) < 2:
            raise RecipeError(
                f"{name}, line {number}: there is no tab between a source and its translation; two files are given as SOURCE TARGET"
            )
    return [row[0] for row in rows], [row[1] for row in rows]


def _lines(text: str) -> list[str]:
    """The lines of a text. Only a line feed ends one: other separators may stand inside a sentence."""
    return text.removesuffix("\n").split("\n")
