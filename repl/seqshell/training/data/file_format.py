"""How data files are written, as the user says or as a checkpoint records it. Imports neither torch nor numpy."""

from __future__ import annotations

from dataclasses import dataclass

from seqshell.training.recipes.settings import DataSettings


@dataclass(frozen=True)
class FileFormat:
    """How files are written. encoding: as for `decode`. header: as for `parse_table`.

    other: an encoding for files that are not UTF-8. key: the setting of the encoding, for messages; "": there is none.
    """

    encoding: str = ""
    header: str = "auto"
    other: str = ""
    key: str = "data.encoding"

    @classmethod
    def of(cls, data: DataSettings) -> FileFormat:
        """The format that a recipe names."""
        return cls(data.encoding, data.header)


AS_FOUND = FileFormat()  # UTF-8 or UTF-16, and names if the first row has them


@dataclass(frozen=True)
class PairFormat:
    """How a file of pairs is written. source, target: its columns; "": inferred from the names, else the first two."""

    file: FileFormat = AS_FOUND
    source: str = ""
    target: str = ""

    @classmethod
    def of(cls, data: DataSettings) -> PairFormat:
        """The format that a recipe names."""
        return cls(FileFormat.of(data), data.source_column, data.target_column)


PAIRS_AS_FOUND = PairFormat()
