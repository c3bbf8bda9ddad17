"""A table of text cells, with its names and the numbers of its rows, whatever file it was read from."""

from __future__ import annotations

from dataclasses import dataclass

from seqshell.core.errors import RecipeError
from seqshell.core.text_output import quoted


@dataclass(frozen=True)
class TableFile:
    """A table of text cells. name, digest: of its file, the digest being the sha256. rows: below the column names.

    numbers: of the rows as in a spreadsheet: the names are row 1, and blank rows and comments are counted.
    delimiter: between the cells; "" in JSON. has_names: False if the names were made up.
    notes: what was left out of the file, or made up, for people.
    """

    name: str
    digest: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: tuple[int, ...]
    delimiter: str = ","
    has_names: bool = True
    notes: tuple[str, ...] = ()

    def place(self, column: str, key: str) -> int:
        """The index of a column. Raises RecipeError if it is missing or ambiguous; key: what selects another column."""
        if column not in self.columns:
            known = ", ".join(map(repr, self.columns))
            raise RecipeError(
                f"{self.name}, row 1: no column {quoted(column)}; select one of {known} with {way_out(key)}"
            )
        if self.columns.count(column) > 1:
            raise RecipeError(f"{self.name}, row 1: more than one column is named {quoted(column)}")
        return self.columns.index(column)

    def cells(self, column: int) -> tuple[str, ...]:
        """The cells of a column, by its index."""
        return tuple(row[column] for row in self.rows)

    def where(self, index: int, column: str) -> str:
        """The position of a cell for a message. index: of the row, from 0."""
        return f"{self.name}, row {self.numbers[index]}, column {column}"


def way_out(key: str) -> str:
    """How a user sets a recipe key or gives an option: --set data.columns=NAME, --columns NAME."""
    return f"{key} NAME" if key.startswith("-") else f"--set {key}=NAME"
