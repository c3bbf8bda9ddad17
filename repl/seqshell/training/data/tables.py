"""Read table files for training; messages name row and column, and the setting that helps."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from seqshell.core.tables.reading import parse_table
from seqshell.core.tables.table_file import TableFile
from seqshell.training.data.file_format import AS_FOUND, FileFormat
from seqshell.training.data.text import read_text


def read_table(
    file: str,
    folder: Path = Path(),
    origin: str = "",
    format: FileFormat = AS_FOUND,
    wanted: Collection[str] = (),
) -> TableFile:
    """Read a table, or "generated:NAME". folder: where relative paths start. origin: where to get a missing file.

    wanted: as for `parse_table`. Raises RecipeError for what is no table.
    """
    name, text, digest = read_text(file, folder, origin, format)
    return parse_table(name, text, digest, header=format.header, wanted=wanted)
