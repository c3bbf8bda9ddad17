"""The files of large sentence pairs, and where the texts of all pairs are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, zip_longest
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seqshell.training.data.array_store import Spools
from seqshell.training.data.cell_blocks import Column, Irregular, Layout
from seqshell.training.data.file_format import PairFormat
from seqshell.training.data.file_rows import NewFileRows
from seqshell.training.data.large_table import LargeTable, large_table
from seqshell.training.data.large_text import LargeText, Report, lines_of
from seqshell.training.data.row_scanning import scan_rows, start_of_text
from seqshell.training.data.table_tasks import pair_columns
from seqshell.training.data.token_rows import TOGETHER
from seqshell.training.translation.data import different_lengths


@dataclass(frozen=True)
class PairFiles:
    """A source and a target file, or a table with the columns at these places."""

    texts: tuple[LargeText, ...]
    table: LargeTable | None = None
    places: tuple[int, int] = (0, 1)

    @classmethod
    def of(cls, paths: Sequence[Path], format: PairFormat) -> PairFiles | None:
        """None for a table that must be read at once."""
        texts = tuple(LargeText(path, format.file.encoding) for path in paths)
        if len(paths) == 2:
            return cls(texts)
        table = large_table(paths[0], format.file, tuple(filter(None, (format.source, format.target))))
        if table is None:
            return None
        source, target = pair_columns(table.beginning, format.source, format.target)
        begins = table.beginning
        return cls(
            texts, table, (begins.place(source, "data.source_column"), begins.place(target, "data.target_column"))
        )

    @property
    def sides(self) -> tuple[LargeText, LargeText]:
        """The files of the sources and of the targets."""
        return self.texts[0], self.texts[-1]

    def pairs(self, report: Report) -> Iterator[tuple[str, str]]:
        """The pairs. Raises RecipeError as `read_pairs` does."""
        if self.table is not None:
            source, target = self.places
            yield from ((cells[source], cells[target]) for _, cells in self.table.rows(report))
            return
        sides = [
            (line.removesuffix("\n") for line in lines_of(text.blocks(each)))
            for text, each in zip(self.texts, self._each(report), strict=True)
        ]
        numbers = [0, 0]
        for pair in zip_longest(*sides):
            for side, text in enumerate(pair):
                numbers[side] += text is not None
            if None not in pair:
                yield pair[0], pair[1]
        self._check_lengths(numbers)

    def _check_lengths(self, numbers: Sequence[int]) -> None:
        if numbers[0] != numbers[1]:
            raise different_lengths([text.path.name for text in self.texts], numbers)

    def _each(self, report: Report) -> list[Report]:
        """A report for each of the texts, as if they were one."""
        first, total = self.texts[0], sum(text.size for text in self.texts)
        return [
            lambda done, size, text=text: report(done * total // max(1, size), total) if text is first else None  # type: ignore[misc]
            for text in self.texts
        ]

    def read_into(self, new: NewPairs, report: Report) -> None:
        """Add all pairs, found by their bytes. Errors as for `pairs`; Irregular if they must be read one by one."""
        if self.table is not None:
            source, target = self.places
            for block in self.table.blocks((Column(source, is_hashed=True), Column(target)), report):
                sources, targets = block.columns
                new.sides[0].add(sources)
                new.sides[1].add(targets)
                new.note(sources.hashes, ~(sources.is_blank | targets.is_blank))
            return
        blank, numbers = [bytearray(), bytearray()], [0, 0]
        for side, text in enumerate(self.texts):
            layout = Layout((Column(0, is_hashed=not side),))
            for block in scan_rows(text, layout, start_of_text(text, 0), self._each(report)[side]):
                (cells,) = block.columns
                new.sides[side].add(cells)
                blank[side].extend(cells.is_blank.tobytes())
                numbers[side] = block.end
                if not side:
                    new.hashes.extend(cells.hashes.tobytes())
        self._check_lengths(numbers)
        either = np.frombuffer(blank[0], bool) | np.frombuffer(blank[1], bool)
        new.is_written.extend((~either).tobytes())


class NewPairs:
    """Pairs that are collected: where their texts are. hashes: of the sources. is_written: whether both have text."""

    def __init__(self, files: PairFiles, spools: Spools) -> None:
        self.sides = [NewFileRows(text.size, spools) for text in files.sides]
        self.hashes, self.is_written = bytearray(), bytearray()

    @classmethod
    def of(cls, files: PairFiles, spools: Spools, report: Report) -> NewPairs:
        """The pairs of files. Errors as for `PairFiles.pairs`."""
        new = cls(files, spools)
        try:
            files.read_into(new, report)
        except Irregular:
            new = cls(files, spools)
            new.add(files.pairs(report))
        return new

    def __len__(self) -> int:
        return len(self.is_written)

    def note(self, hashes: NDArray[np.uint64], is_written: NDArray[np.bool_]) -> None:
        """Note what is known of further pairs."""
        self.hashes.extend(hashes.tobytes())
        self.is_written.extend(is_written.tobytes())

    def add(self, pairs: Iterable[tuple[str, str]]) -> range:
        """Add pairs that are not in the files as they are; returns their rows."""
        first, left = len(self), iter(pairs)
        while some := list(islice(left, TOGETHER)):
            written = np.array([bool(source.strip() and target.strip()) for source, target in some])
            sides = [[text.encode("utf-8", "surrogatepass") for text in side] for side in zip(*some, strict=True)]
            hashes = self.sides[0].add_texts(sides[0])
            self.sides[1].add_texts(sides[1])
            self.note(hashes, written)
        return range(first, len(self))
