"""Sentence pairs: read from two parallel files or one file with tabs, and split for validation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seqshell.core.errors import RecipeError
from seqshell.training.data.generated import PREFIX, make_pairs
from seqshell.training.data.text import read_text, with_digest


@dataclass(frozen=True)
class Pairs:
    """Sentences and their translations, row by row.

    names, digests: name and sha256 (hexadecimal) of each file.
    """

    names: tuple[str, ...]
    digests: tuple[str, ...]
    sources: tuple[str, ...]
    targets: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.sources)

    def at(self, rows: Iterable[int]) -> Pairs:
        """The pairs with these row numbers."""
        kept = list(rows)
        sources, targets = (tuple(side[row] for row in kept) for side in (self.sources, self.targets))
        return Pairs(self.names, self.digests, sources, targets)

    def __add__(self, other: Pairs) -> Pairs:
        """Both sets of pairs, one after the other."""
        return Pairs(
            self.names + other.names,
            self.digests + other.digests,
            self.sources + other.sources,
            self.targets + other.targets,
        )

    def without_blank(self) -> Pairs:
        """The pairs with text on both sides."""
        both = zip(self.sources, self.targets, strict=True)
        return self.at(row for row, (source, target) in enumerate(both) if source.strip() and target.strip())


@dataclass(frozen=True)
class PairSplit:
    """Pairs for training and for validation."""

    training: Pairs
    validation: Pairs

    def with_extra(self, extra: Pairs, copies: int) -> PairSplit:
        """Add `copies` of each extra pair to the training pairs, but none whose source is held out."""
        held_out = set(self.validation.sources)
        rows = [row for row, source in enumerate(extra.sources) if source not in held_out]
        return PairSplit(self.training + extra.at(rows * copies), self.validation)


def read_pairs(files: Sequence[str], folder: Path = Path(), origin: str = "") -> Pairs:
    """Read the pairs of (SOURCE, TARGET), (TSV,) or ("generated:NAME",).

    folder: where relative paths start. origin: where the user can get a missing file.
    Raises RecipeError for files of different lengths, a line without a tab, and files that are empty or not text.
    """
    if len(files) not in (1, 2):
        raise RecipeError(
            "sentence pairs need a source and a target file, or one file with a tab between source and target"
        )
    names, texts, digests = zip(*(_read(file, folder, origin) for file in files), strict=True)
    if len(files) == 1:
        sources, targets = _columns(names[0], texts[0])
    else:
        sources, targets = _lines(texts[0]), _lines(texts[1])
        if len(sources) != len(targets):
            numbers = f"{names[0]} has {len(sources):,} lines and {names[1]} has {len(targets):,}"
            raise RecipeError(f"{numbers}; they must match line by line")
    return Pairs(names, digests, tuple(sources), tuple(targets))


def split_pairs(pairs: Pairs, share: float) -> PairSplit:
    """Select a share of the sources for validation, at random but always the same.

    Pairs with equal sources are on one side.
    """
    sources = list(dict.fromkeys(pairs.sources))
    order = np.random.default_rng(0).permutation(len(sources))
    chosen = {sources[number] for number in order[: max(1, round(share * len(sources)))]}
    sides = [
        [row for row, source in enumerate(pairs.sources) if (source in chosen) == of_validation]
        for of_validation in (False, True)
    ]
    return PairSplit(*map(pairs.at, sides))


def _read(file: str, folder: Path, origin: str) -> tuple[str, str, str]:
    """(name, text, sha256) of a file or of generated pairs."""
    if not file.startswith(PREFIX):
        return read_text(file, folder, origin)
    return with_digest(file, make_pairs(file))


def _columns(name: str, text: str) -> tuple[list[str], list[str]]:
    """The first and second column of each line; further columns are ignored."""
    rows = [line.split("\t") for line in _lines(text)]
    for number, row in enumerate(rows, 1):
        if len(row) < 2:
            raise RecipeError(
                f"{name}, line {number}: no tab between source and translation; for two files, write SOURCE TARGET"
            )
    return [row[0] for row in rows], [row[1] for row in rows]


def _lines(text: str) -> list[str]:
    """The lines of a text. Only a line feed ends a line: sentences may contain other separators."""
    return text.removesuffix("\n").split("\n")
