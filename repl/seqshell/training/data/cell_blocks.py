"""The cells of some rows of a file, found by their bytes: no row becomes an object of Python, unless it is unusual."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.training.data.distinct import WORD, hashes_between
from seqshell.training.data.row_encoding import MAY_BE_SPACE, SPACE, text_of

LF, CR, QUOTE = b'\n\r"'
MOST_BLANK = 0.1  # share of the rows of a block
# White space in UTF-8: the bytes of ASCII besides the space, and the other ones by their first byte.
CONTROLS = (*range(9, 14), *range(28, 32))
BEYOND_ASCII = {
    0xC2: ((0x85,), (0xA0,)),
    0xE1: ((0x9A, 0x80),),
    0xE2: (*((0x80, last) for last in (*range(0x80, 0x8B), 0xA8, 0xA9, 0xAF)), (0x81, 0x9F)),
    0xE3: ((0x80, 0x80),),
}

Ints = NDArray[np.int64]
Bytes = NDArray[np.uint8]


class Irregular(Exception):
    """A file whose rows must be read one by one."""


@dataclass(frozen=True)
class Column:
    """A column that is found. is_hashed: whether equal cells must be found. single_spaced: whether white space becomes
    single spaces.
    """

    place: int
    is_hashed: bool = False
    single_spaced: bool = False


@dataclass(frozen=True)
class Layout:
    """How rows are written.

    delimiter: a byte; -1: a line is a cell, and blank lines count. size: cells of a row. is_quoted: whether cells may
    be quoted as in RFC 4180.
    """

    columns: tuple[Column, ...]
    delimiter: int = -1
    is_quoted: bool = False
    size: int = 1

    @property
    def is_lines(self) -> bool:
        """True if each line is a cell."""
        return self.delimiter < 0


@dataclass
class Cells:
    """The cells of a column. starts, sizes: [R], in bytes. hashes: [R]; 0 unless the column is hashed. is_blank: [R].

    changed: by row, those that are not in the file as they are meant.
    """

    starts: Ints
    sizes: Ints
    hashes: NDArray[np.uint64]
    is_blank: NDArray[np.bool_]
    changed: dict[int, bytes] = field(default_factory=dict)

    def at(self, chosen: NDArray[np.bool_]) -> Cells:
        """Those of some rows."""
        places = np.cumsum(chosen) - 1
        changed = {int(places[row]): text for row, text in self.changed.items() if chosen[row]}
        return Cells(self.starts[chosen], self.sizes[chosen], self.hashes[chosen], self.is_blank[chosen], changed)


@dataclass(frozen=True)
class CellBlock:
    """The cells of some rows, by column.

    starts: [R], of the rows, in bytes. numbers: [R], of the rows in the file, from 0; end: the number of the next one.
    """

    columns: tuple[Cells, ...]
    starts: Ints
    numbers: Ints
    end: int

    def at(self, chosen: NDArray[np.bool_]) -> CellBlock:
        """Some of the rows."""
        columns = tuple(cells.at(chosen) for cells in self.columns)
        return CellBlock(columns, self.starts[chosen], self.numbers[chosen], self.end)


def end_of_rows(block: bytes, layout: Layout) -> int:
    """Where the last complete row of a block ends; 0 if there is none."""
    end = block.rfind(b"\n") + 1
    while end and layout.is_quoted and block.count(b'"', 0, end) % 2:
        end = block.rfind(b"\n", 0, end - 1) + 1
    return end


def read_cells(block: bytes, layout: Layout) -> CellBlock:
    """The cells of complete rows, each of which ends in LF; bytes and rows are counted from the beginning of the block.

    Raises Irregular for what is no text in UTF-8, and for rows that must be read one by one.
    """
    try:
        block.decode()
    except UnicodeDecodeError:
        raise Irregular from None
    if b"\0" in block or (b"\r" in block and block.count(b"\r") != block.count(b"\r\n")):
        raise Irregular
    found = _Block(block, layout)
    rows, columns = found.regular(), list[Cells]()
    columns = [found.cells(rows, column) for column in layout.columns]
    chosen = np.ones(len(rows), bool) if layout.is_lines else found.filled(rows, columns)
    whole = CellBlock(tuple(columns), found.starts[rows], rows, len(found.starts))
    return whole if chosen.all() else whole.at(chosen)


class _Block:
    """A block and where its cells and rows end."""

    def __init__(self, block: bytes, layout: Layout) -> None:
        self._block, self._layout, self._padded = block, layout, block + bytes(WORD)
        self._content: Bytes = np.frombuffer(self._padded, np.uint8)
        body = self._content[: len(block)]
        is_mark = body == LF
        if not layout.is_lines:
            is_mark |= body == layout.delimiter
        marks = np.flatnonzero(is_mark)
        self._quotes: Ints = np.zeros(0, np.int64)
        if layout.is_quoted and b'"' in block:
            self._quotes = np.flatnonzero(body == QUOTE)
            marks = marks[np.searchsorted(self._quotes, marks) % 2 == 0]
            self._check_quotes()
        self._returns = np.flatnonzero(body == CR) if b"\r" in block else np.zeros(0, np.int64)
        self._marks, self._lasts = marks, np.flatnonzero(body[marks] == LF)  # the last mark of each row
        self._firsts = np.append(0, self._lasts[:-1] + 1)
        self._ends = marks[self._lasts]
        self.starts = np.append(0, self._ends[:-1] + 1)

    def _check_quotes(self) -> None:
        """Raise Irregular unless quotation marks enclose cells, or are doubled in them."""
        if len(self._quotes) % 2:
            raise Irregular
        opening, closing = self._quotes[::2], self._quotes[1::2]
        before, after = self._content[opening - 1], self._content[closing + 1]
        is_doubled = opening[1:] == closing[:-1] + 1
        begins = (before == self._layout.delimiter) | (before == LF) | (opening == 0)
        ends = (after == self._layout.delimiter) | (after == LF) | (after == CR)
        if not ((begins[1:] | is_doubled).all() and (ends[:-1] | is_doubled).all() and begins[0] and ends[-1]):
            raise Irregular

    def regular(self) -> Ints:
        """The rows with as many cells as rows have. Raises Irregular if another one is not blank."""
        others = np.flatnonzero(self._lasts - self._firsts + 1 != self._layout.size)
        if any(not is_blank for is_blank in self._blank_ones(others)):
            raise Irregular
        return np.delete(np.arange(len(self.starts)), others)

    def filled(self, rows: Ints, columns: list[Cells]) -> NDArray[np.bool_]:
        """Which rows are not blank."""
        may_be_blank = np.flatnonzero(np.all([cells.is_blank for cells in columns], axis=0))
        filled = np.ones(len(rows), bool)
        filled[may_be_blank] = [not is_blank for is_blank in self._blank_ones(rows[may_be_blank])]
        return filled

    def _blank_ones(self, rows: Ints) -> list[bool]:
        """Whether each of a few rows is blank. Raises Irregular if they are many."""
        if len(rows) > 10 + MOST_BLANK * len(self.starts):
            raise Irregular
        delimiter = chr(max(0, self._layout.delimiter))  # no text has 0x00
        found = list[bool]()
        for row in rows.tolist():
            text = text_of(self._block[self.starts[row] : self._ends[row]])
            cells = next(csv.reader([text], delimiter=delimiter)) if len(self._quotes) else text.split(delimiter)
            found.append(not any(map(str.strip, cells)))
        return found

    def cells(self, rows: Ints, column: Column) -> Cells:
        """The cells of a column in rows with as many cells as rows have."""
        marks, content = self._firsts[rows] + column.place, self._content
        begins = self._marks[marks - 1] + 1 if column.place else self.starts[rows]
        stops = self._marks[marks]
        unusual = np.zeros(len(rows), bool)
        if len(self._returns):
            stops = stops - ((content[stops] == LF) & (content[stops - 1] == CR))
        if len(self._quotes):
            is_quoted = content[begins] == QUOTE
            begins, stops = begins + is_quoted, stops - is_quoted
            unusual |= _have(self._quotes, begins, stops)
        unusual |= _have(self._returns, begins, stops)
        if column.single_spaced:  # a space at an end is left out
            begins = begins + ((content[begins] == SPACE) & (stops > begins))
            stops = stops - ((content[stops - 1] == SPACE) & (stops > begins))
        sizes = stops - begins
        if self._layout.is_quoted and sizes.max(initial=0) > csv.field_size_limit():
            raise Irregular
        first, last = content[begins], content[np.maximum(begins, stops - 1)]
        if column.single_spaced:
            ends_in_space = (first == SPACE) | (last == SPACE)
            unusual |= (ends_in_space & (sizes > 0)) | _have(self._odd_spaces, begins, stops)
        may_be_blank = MAY_BE_SPACE[first] & (MAY_BE_SPACE[last] | (last >= 0x80)) & (sizes > 0)
        is_blank, changed = sizes == 0, dict[int, bytes]()
        for row in np.flatnonzero(unusual | may_be_blank).tolist():
            written = self._block[begins[row] : stops[row]]
            meant = self._meant(text_of(written), column)
            is_blank[row] = not meant.strip()
            if (content_meant := meant.encode()) != written:
                changed[row] = content_meant
        hashes = np.zeros(len(rows), np.uint64)
        if column.is_hashed:
            hashes = hashes_between(self._padded, begins, sizes)
            hashes[list(changed)] = hashes_of_texts(list(changed.values()))
        return Cells(begins, sizes, hashes, is_blank, changed)

    def _meant(self, text: str, column: Column) -> str:
        """The text of a cell, given what is between its quotation marks."""
        text = text.replace("\r\n", "\n")
        if len(self._quotes):
            text = text.replace('""', '"')
        return " ".join(text.split()) if column.single_spaced else text

    @property
    def _odd_spaces(self) -> Ints:
        """The bytes of white space that is no single space; between cells, some are left out."""
        content = self._content
        left_out = () if len(self._quotes) else (LF, CR, self._layout.delimiter)
        places = np.flatnonzero(content < SPACE)
        odd = [places[np.isin(content[places], list({*CONTROLS} - {*left_out}))]]
        if not self._block.isascii():
            odd += [self._beyond_ascii(first, others) for first, others in BEYOND_ASCII.items()]
        is_space = content == SPACE
        odd.append(np.flatnonzero(is_space[1:] & is_space[:-1]))
        return np.sort(np.concatenate(odd))

    def _beyond_ascii(self, first: int, others: tuple[tuple[int, ...], ...]) -> Ints:
        """The first bytes of white space in UTF-8 that begins with a byte. others: what may follow it."""
        places = np.flatnonzero(self._content == first)
        second, third = self._content[places + 1], self._content[places + 2]
        is_odd = np.zeros(len(places), bool)
        for other in others:
            is_odd |= (second == other[0]) & (len(other) == 1 or third == other[-1])
        return places[is_odd]


def _have(places: Ints, begins: Ints, stops: Ints) -> Any:
    """[R]: whether there is one of the places between these bytes."""
    if not len(places):
        return np.zeros(len(begins), bool)
    return np.searchsorted(places, stops) > np.searchsorted(places, begins)


def hashes_of_texts(contents: list[bytes]) -> NDArray[np.uint64]:
    """[N]: the hashes of texts in UTF-8, as `hashes_between` has them."""
    sizes = np.fromiter(map(len, contents), np.int64, len(contents))
    return hashes_between(b"".join(contents) + bytes(WORD), np.cumsum(sizes) - sizes, sizes)
