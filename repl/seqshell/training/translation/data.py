"""Sentence pairs: read from two parallel files or one file with tabs, and split for validation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import RecipeError
from seqshell.training.data.distinct import numbers_of
from seqshell.training.data.file_format import PAIRS_AS_FOUND, PairFormat
from seqshell.training.data.generated import PREFIX, make_pairs
from seqshell.training.data.plugin_data import PluginData
from seqshell.training.data.table_tasks import pair_columns
from seqshell.training.data.tables import read_table
from seqshell.training.data.text import read_text, with_digest
from seqshell.training.data.token_rows import items_at
from seqshell.training.recipes.recipe import Recipe


@dataclass(frozen=True)
class Pairs:
    """Sentences and their translations, row by row.

    names, digests: name and sha256 (hexadecimal) of each file.
    """

    names: tuple[str, ...]
    digests: tuple[str, ...]
    sources: Sequence[str]
    targets: Sequence[str]

    def __len__(self) -> int:
        return len(self.sources)

    def at(self, rows: Iterable[int]) -> Pairs:
        """The pairs with these row numbers."""
        kept = rows if isinstance(rows, np.ndarray) else np.fromiter(rows, np.int64)
        sources, targets = (items_at(side, kept) for side in (self.sources, self.targets))
        return Pairs(self.names, self.digests, sources, targets)

    def __add__(self, other: Pairs) -> Pairs:
        """Both sets of pairs, one after the other."""
        return Pairs(
            self.names + other.names,
            self.digests + other.digests,
            (*self.sources, *other.sources),
            (*self.targets, *other.targets),
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


def read_pairs(
    files: Sequence[str], folder: Path = Path(), origin: str = "", format: PairFormat = PAIRS_AS_FOUND
) -> Pairs:
    """Read the pairs of (SOURCE, TARGET), of one table such as (TSV,), or of ("generated:NAME",).

    folder: where relative paths start. origin: where the user can get a missing file.
    Raises RecipeError for files of different lengths, a row with other cells, and files that are empty or not text.
    """
    if len(files) not in (1, 2):
        raise RecipeError(
            "sentence pairs need a source and a target file, or one file with a tab between source and target"
        )
    if len(files) == 1:
        return _pairs_of_table(files[0], folder, origin, format)
    names, texts, digests = zip(*(read_text(file, folder, origin, format.file) for file in files), strict=True)
    sources, targets = _lines(texts[0]), _lines(texts[1])
    if len(sources) != len(targets):
        raise different_lengths(names, (len(sources), len(targets)))
    return Pairs(names, digests, tuple(sources), tuple(targets))


def _pairs_of_table(file: str, folder: Path, origin: str, format: PairFormat) -> Pairs:
    """The pairs of a table or of generated data; further columns are ignored."""
    if file.startswith(PREFIX):
        made = file.pairs() if isinstance(file, PluginData) else None
        text = make_pairs(file) if made is None else "".join(f"{source}\t{target}\n" for source, target in made)
        name, _, digest = with_digest(str(file), text)
        rows = [line.split("\t") for line in _lines(text)]
        return Pairs((name,), (digest,), tuple(row[0] for row in rows), tuple(row[1] for row in rows))
    wanted = tuple(filter(None, (format.source, format.target)))
    table = read_table(file, folder, origin, format.file, wanted)
    source, target = pair_columns(table, format.source, format.target)
    places = table.place(source, "data.source_column"), table.place(target, "data.target_column")
    return Pairs((table.name,), (table.digest,), *map(table.cells, places))


def read_sentences(recipe: Recipe) -> PairSplit:
    """Read and split the pairs of a recipe, see `split_pairs`. Raises RecipeError for missing or mismatched files."""
    data = recipe.data
    format = PairFormat.of(data)
    files = [data.pairs] if data.pairs else [data.source, data.target]
    pairs = read_pairs(files, recipe.folder, data.origin, format)
    if isinstance(data.validation, float | int):
        sentences = split_pairs(pairs, data.validation)
    else:
        files = [data.validation] if isinstance(data.validation, str) else list(data.validation)
        sentences = PairSplit(pairs, read_pairs(files, recipe.folder, data.origin, format))
    if data.extra_pairs:
        sentences = sentences.with_extra(
            read_pairs([data.extra_pairs], recipe.folder, format=format), data.extra_copies
        )
    sides = [side.without_blank() for side in (sentences.training, sentences.validation)]
    check_number(pairs.names, sides)
    return PairSplit(*sides)


def check_number(names: Sequence[str], sides: Sequence[Pairs]) -> None:
    """Raise RecipeError unless there are pairs for training and for validation."""
    if min(map(len, sides)) < 1:
        sizes = f"{len(sides[0])} pairs for training, {len(sides[1])} for validation"
        raise RecipeError(f"{' and '.join(names)}: too few sentences: {sizes}")


def different_lengths(names: Sequence[str], numbers: Sequence[int]) -> RecipeError:
    """The error for two files with different numbers of lines."""
    lines = f"{names[0]} has {numbers[0]:,} lines and {names[1]} has {numbers[1]:,}"
    return RecipeError(f"{lines}; they must match line by line")


def split_pairs(pairs: Pairs, share: float) -> PairSplit:
    """Select a share of the sources for validation, at random but always the same.

    Pairs with equal sources are on one side.
    """
    numbers = numbers_of(pairs.sources)
    held_out = chosen_at_random(int(numbers.max()) + 1, share)[numbers]
    return PairSplit(*(pairs.at(np.flatnonzero(held_out == of_validation)) for of_validation in (False, True)))


def chosen_at_random(number: int, share: float) -> NDArray[np.bool_]:
    """[number]: True for a share, one at least; always the same."""
    chosen = np.zeros(number, bool)
    chosen[np.random.default_rng(0).permutation(number)[: max(1, round(share * number))]] = True
    return chosen


def _lines(text: str) -> list[str]:
    """The lines of a text. Only a line feed ends a line: sentences may contain other separators."""
    return text.removesuffix("\n").split("\n")
