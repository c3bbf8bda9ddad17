"""Text to a table: rows, names, and what programs add to a table; each thing left out or made up has a note."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence

from seqshell.core.errors import RecipeError
from seqshell.core.tables.dialect import TAB_ENDINGS, RawTable, Row, read_rows
from seqshell.core.tables.json_rows import ENDINGS, is_json, read_json
from seqshell.core.tables.names import has_names, made_up
from seqshell.core.tables.table_file import TableFile
from seqshell.core.tables.tidying import with_row_names, without_empty_end, without_index, without_totals
from seqshell.core.text_output import counted

TABLE_ENDINGS = (".csv", *TAB_ENDINGS, *ENDINGS)
HEADERS = ("auto", "yes", "no")
_HTML = re.compile(r"\s*<(!doctype html|html|table)\b", re.IGNORECASE)


def is_table_name(name: str) -> bool:
    """True for the name of a file that is a table by its ending; .gz may follow it."""
    return name.lower().removesuffix(".gz").endswith(TABLE_ENDINGS)


def parse_table(
    name: str, text: str, digest: str = "", *, header: str = "auto", wanted: Collection[str] = ()
) -> TableFile:
    """The table in the text of a file.

    name: of the file; .jsonl, .ndjson and .json are JSON. header: "yes" or "no" if the first row has the names or not;
    "auto": the content tells. wanted: names that the first row has if it is a header.
    Raises RecipeError, with the row, for rows of different lengths, no rows, and what is no table.
    """
    if is_json(name):
        columns, rows, numbers = read_json(name, text)
        if not rows or not columns:
            raise RecipeError(f"{name} has no rows")
        return TableFile(name, digest, columns, tuple(rows), tuple(numbers), "")
    if _HTML.match(text):
        raise RecipeError(f"{name} is an HTML page, no table; export the table as CSV")
    raw = read_rows(name, text)
    if not raw.rows:
        raise RecipeError(f"{name} has no rows")
    return _table(name, digest, raw, header, wanted)


def _table(name: str, digest: str, raw: RawTable, header: str, wanted: Collection[str]) -> TableFile:
    notes = list(raw.notes)
    rows: Sequence[Row] = raw.rows
    names = raw.names
    if names is None and (header == "yes" or (header == "auto" and _has_names(name, rows, wanted))):
        names, rows = tuple(cell.strip() for cell in rows[0].cells), rows[1:]
    has_header = names is not None
    if has_header and not rows:
        raise RecipeError(f"{name} has no rows below the column names")
    if names is not None:
        named = with_row_names(names, rows)
    else:
        rows = _padded(rows) if raw.delimiter == "\t" else rows
        named = [""] * len(rows[0].cells)
    named, rows = without_empty_end(rows, named)
    _check_sizes(name, named, rows, has_header)
    if has_header:
        named, rows, note = without_index(named, rows)
        notes.append(note)
    rows, note = without_totals(rows)
    notes.append(note)
    columns = tuple(each or other for each, other in zip(named, made_up(len(named)), strict=True))
    if not has_header:
        notes.append(f"no names in the first row: {counted(len(columns), 'column')} named {_span(columns)}")
    elif unnamed := [column for column, each in zip(columns, named, strict=True) if not each]:
        notes.append(f"without a name: {', '.join(unnamed)}")
    return TableFile(
        name,
        digest,
        columns,
        tuple(tuple(row.cells) for row in rows),
        tuple(row.number for row in rows),
        raw.delimiter,
        has_header,
        tuple(filter(None, notes)),
    )


def _padded(rows: Sequence[Row]) -> Sequence[Row]:
    """Rows of pairs that are equally long: a third cell, such as a remark, may be in some of them only."""
    sizes = {len(row.cells) for row in rows}
    if len(sizes) == 1 or min(sizes) < 2:
        return rows
    return [Row([*row.cells, *[""] * (max(sizes) - len(row.cells))], row.number) for row in rows]


def _has_names(name: str, rows: Sequence[Row], wanted: Collection[str]) -> bool:
    """True if the first row has the names. Between tabs, two columns of texts are taken for pairs without names."""
    return has_names([row.cells for row in rows], wanted, expected=name.lower().removesuffix(".gz").endswith(".csv"))


def _span(columns: Sequence[str]) -> str:
    return columns[0] if len(columns) == 1 else f"{columns[0]} to {columns[-1]}"


def _check_sizes(name: str, columns: Sequence[str], rows: Sequence[Row], has_header: bool) -> None:
    """Raise RecipeError for a row that has more or fewer cells than the first."""
    usual, number = Counter(len(row.cells) for row in rows).most_common(1)[0]
    if len(columns) == 1 and usual > 1 and number > len(rows) / 2:
        raise RecipeError(f"{name}: the first row has 1 cell, but most have {usual}; remove the row, or complete it")
    for row in rows:
        if len(row.cells) != len(columns):
            first = f"the first row names {len(columns)} columns" if has_header else f"others have {len(columns)}"
            raise RecipeError(f"{name}, row {row.number}: {len(row.cells)} cells, but {first}")
