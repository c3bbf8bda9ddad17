"""Labelled texts that are collected: where the texts are, and the labels as numbers."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import RecipeError
from seqshell.training.classification.data import Columns, Examples
from seqshell.training.classification.large_sources import LargeSource
from seqshell.training.data.array_store import Parts, Spools
from seqshell.training.data.cell_blocks import CellBlock, Irregular
from seqshell.training.data.coded import Labels, Places
from seqshell.training.data.file_rows import FileContent, NewFileRows
from seqshell.training.data.large_text import Report
from seqshell.training.data.row_counting import RowCounting
from seqshell.training.data.small_integers import integer_type
from seqshell.training.data.token_rows import TOGETHER

NO_LABEL = -1


class NewExamples:
    """Texts with labels. hashes: of the texts. left_out: the number of blank texts, and of those without a label.

    counting: counts the words of the texts; None if nobody does.
    """

    def __init__(
        self, source: LargeSource, columns: Columns, spools: Spools, counting: RowCounting | None = None
    ) -> None:
        self._source, self._columns, self.counting = source, columns, counting
        self._state = source.text.state()
        self._content = FileContent(source.text, source.text.size, self._state, np.zeros(0, np.uint8))
        self._texts = NewFileRows(source.text.size, spools)
        self._codes, self._numbers = spools.new(np.uint32), spools.new(np.int64)
        self._names, self._known, self._last = dict[str, int](), dict[int, int](), 0
        self.hashes, self.left_out = bytearray(), [0, 0]

    @classmethod
    def of(
        cls,
        source: LargeSource,
        columns: Columns,
        spools: Spools,
        report: Report,
        counting: RowCounting | None = None,
    ) -> NewExamples:
        """The labelled texts of a source. Raises RecipeError as `LargeSource.rows` does, and if there are none."""
        new = cls(source, columns, spools, counting)
        try:
            for block in source.cells(report):
                new._add(block)
            if counting is not None:
                counting.end()
        except Irregular:
            if counting is not None:
                counting.close()
            new = cls(source, columns, spools)
            new._add_rows(source.rows(report))
        if not new.hashes:
            raise RecipeError(f"{source.path.name} has no {'labels' if new.left_out[1] else 'texts'}")
        return new

    def _add(self, block: CellBlock) -> None:
        """Add those of rows that have both."""
        texts, _ = block.columns
        codes = self._codes_of(block)
        whole = ~texts.is_blank & (codes != NO_LABEL)
        self._leave_out(int(texts.is_blank.sum()), int((~texts.is_blank & ~whole).sum()))
        kept = texts if whole.all() else texts.at(whole)
        self._texts.add(kept)
        if self.counting is not None:
            self.counting.add(kept)
        self._note(kept.hashes, codes[whole], block.numbers[whole])
        self._last = int(block.numbers[-1])

    def _codes_of(self, block: CellBlock) -> NDArray[np.int64]:
        """The number of each label; NO_LABEL for none."""
        _, labels = block.columns
        hashes, firsts, which = np.unique(labels.hashes, return_index=True, return_inverse=True)
        new = np.array([value not in self._known for value in hashes.tolist()], bool)
        rows = np.sort(firsts[new])
        cells = self._content.parts(labels.starts[rows], labels.sizes[rows])
        for row, cell in zip(rows.tolist(), cells, strict=True):
            name = self._columns.label_of(labels.changed.get(row, cell).decode())
            code = self._names.setdefault(name, len(self._names)) if name else NO_LABEL
            self._known[int(labels.hashes[row])] = code
        found: NDArray[np.int64] = np.array([self._known[value] for value in hashes.tolist()], np.int64)[which]
        return found

    def _add_rows(self, rows: Iterable[tuple[str, str, int]]) -> None:
        """Add text, label and number of each row; the texts are kept."""
        left = iter(rows)
        while read := list(islice(left, TOGETHER)):
            whole = [row for row in read if row[0] and row[1]]
            blank = sum(not text for text, _, _ in read)
            self._leave_out(blank, len(read) - len(whole) - blank)
            hashes = self._texts.add_texts([text.encode("utf-8", "surrogatepass") for text, _, _ in whole])
            codes = [self._names.setdefault(label, len(self._names)) for _, label, _ in whole]
            self._note(hashes, np.array(codes, np.int64), np.array([number for _, _, number in whole], np.int64))
            self._last = read[-1][2]

    def _leave_out(self, blank: int, unlabelled: int) -> None:
        self.left_out = [self.left_out[0] + blank, self.left_out[1] + unlabelled]

    def _note(self, hashes: NDArray[np.uint64], codes: NDArray[np.int64], numbers: NDArray[np.int64]) -> None:
        self.hashes.extend(hashes.tobytes())
        self._codes.add(codes.astype(np.uint32).tobytes())
        self._numbers.add(numbers.tobytes())

    def examples(self) -> Examples:
        """The labelled texts."""
        source = self._source
        texts = self._texts.rows(source.text, self._state)
        labels, places = Labels(self._codes.array(), self.names), Places(self._numbers.array(), source.place)
        return Examples(source.path.name, source.digest, texts, labels, places, *self.left_out)

    @property
    def names(self) -> tuple[str, ...]:
        """The labels by number."""
        return tuple(self._names)

    def parts(self) -> list[Parts]:
        """What `write_store` writes of them. Raises RecipeError if the file has changed."""
        self._source.text.part(0, 0, self._state)
        of_labels, of_rows = integer_type(len(self._names)), integer_type(self._last + 1)
        return [
            *self._texts.parts("texts"),
            ("labels", of_labels, self._codes.parts(of_labels)),
            ("rows", of_rows, self._numbers.parts(of_rows)),
        ]


def stored_examples(source: LargeSource, arrays: Any, texts: Any, names: list[str], left_out: list[int]) -> Examples:
    """The labelled texts in a store."""
    labels, places = Labels(arrays["labels"], names), Places(arrays["rows"], source.place)
    return Examples(source.path.name, source.digest, texts, labels, places, *left_out)
