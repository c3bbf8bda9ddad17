"""What spreadsheets and programs add to a table: empty last columns, a counting first column, and a row of totals."""

from __future__ import annotations

import math
from collections.abc import Sequence

from seqshell.core.tables.dialect import Row
from seqshell.core.tables.kinds import NUMBER, TIME, Content, counts, is_time
from seqshell.core.tables.numbers import CellFault, is_gap, is_number, read_numbers
from seqshell.core.text_output import quoted

TOTALS = frozenset(
    (
        *("total", "totals", "grand total", "sum", "subtotal", "average", "mean", "avg", "count"),
        *("gesamt", "summe", "insgesamt", "mittelwert", "durchschnitt", "somme", "moyenne"),
    )
)
CLOSE = 0.02  # relative distance of a total from the sum or mean above it
UNNAMED = "unnamed: 0"  # pandas' name of a column without one
SAMPLE = 200  # rows above the last that show what a column holds


def without_empty_end(rows: Sequence[Row], names: Sequence[str]) -> tuple[list[str], list[Row]]:
    """Names and rows without the empty cells that commas at the end of lines make."""
    size, kept = len(names), list(names)
    while size > 1 and not kept[-1] and all(len(row.cells) < size or is_blank(row.cells[size - 1 :]) for row in rows):
        size -= 1
        kept.pop()
    return kept, [Row(row.cells[:size], row.number) if is_blank(row.cells[size:]) else row for row in rows]


def is_blank(cells: Sequence[str]) -> bool:
    """True if there is nothing in the cells."""
    return not any(cell.strip() for cell in cells)


def with_row_names(names: Sequence[str], rows: Sequence[Row]) -> list[str]:
    """The names, with an empty one for a first column that counts and has no name in the header, as R writes it."""
    if rows and all(len(row.cells) == len(names) + 1 for row in rows) and counts([row.cells[0] for row in rows]):
        return ["", *names]
    return list(names)


def without_index(names: Sequence[str], rows: Sequence[Row]) -> tuple[list[str], list[Row], str]:
    """Names and rows without an unnamed first column that counts, as pandas writes it, and a note."""
    is_unnamed = len(names) > 1 and names[0].lower() in ("", UNNAMED)
    if not is_unnamed or not counts([row.cells[0].strip() for row in rows]):
        return list(names), list(rows), ""
    return list(names[1:]), [Row(row.cells[1:], row.number) for row in rows], "the first column, which counts, left out"


def without_totals(rows: Sequence[Row]) -> tuple[list[Row], str]:
    """The rows without a last one that sums up those above, and a note."""
    if len(rows) < 3 or not _is_total(rows[-1].cells, [row.cells for row in rows[:-1]]):
        return list(rows), ""
    last = rows[-1]
    word = next(cell.strip() for cell in last.cells if _is_total_word(cell))
    return list(rows[:-1]), f"row {last.number}, {quoted(word)}, left out"


def _is_total_word(cell: str) -> bool:
    return cell.strip().rstrip(":").lower() in TOTALS


def _is_total(last: Sequence[str], above: Sequence[Sequence[str]]) -> bool:
    """True if the last row has a word such as Total among numbers or times, or beside the sum or mean of a column."""
    places = [place for place, cell in enumerate(last) if _is_total_word(cell)]
    if not places or any(not (is_gap(cell) or is_number(cell) or is_time(cell)) for cell in _others(last, places)):
        return False
    for place in places:
        content = Content("", tuple(cells[place].strip() for cells in above[-SAMPLE:] if place < len(cells)))
        if content.kind in (NUMBER, TIME):
            return True
    return any(
        _sums_up(cell, [cells[place] for cells in above if place < len(cells)])
        for place, cell in enumerate(last)
        if is_number(cell)
    )


def _others(cells: Sequence[str], places: Sequence[int]) -> list[str]:
    return [cell for place, cell in enumerate(cells) if place not in places]


def _sums_up(cell: str, above: Sequence[str]) -> bool:
    """True if a cell is about the sum or the mean of those above."""
    try:
        (*values, last) = read_numbers([*above, cell]).values
    except CellFault:
        return False
    known = [value for value in values if not math.isnan(value)]
    total = sum(known)
    return len(known) > 1 and any(
        math.isclose(last, expected, rel_tol=CLOSE) for expected in (total, total / len(known))
    )
