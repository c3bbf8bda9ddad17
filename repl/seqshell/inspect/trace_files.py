"""Writes traces to files part by part, so that a long text needs little memory.

    .npz           arrays [T, ...] by name; numpy.load reads it without pickle
    .safetensors   the same; the texts are in the metadata as JSON, and complex numbers are pairs [..., 2]
    .tsv, .csv     a row for each token, with a column for each number: `hidden[0,3]`

Each has `position`, `id`, `text` and `surprisal` of the tokens, and `line` if each line of a text begins anew.
"""

from __future__ import annotations

import csv
import json
import shutil
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from seqshell.core.atomic_write import replacing
from seqshell.core.errors import UsageError
from seqshell.core.json_values import DECIMALS
from seqshell.core.named_files import output_file, shown_name
from seqshell.core.view_files import PICTURES, TABLES, view_place
from seqshell.inspect.addresses import unit_text

Arrays = Mapping[str, NDArray[Any]]
ARCHIVES = (".npz", ".safetensors")
STREAMED = (*ARCHIVES, *TABLES)  # written part by part; the others have the table of tokens
OTHERS = (".json", ".txt", *PICTURES)
FORMATS = (
    "arrays (.npz, .safetensors), a table (.tsv, .csv), or the tokens alone (.json, .txt, .html, .svg, .png, .pdf)"
)
KINDS = {"f2": "F16", "f4": "F32", "f8": "F64", "i1": "I8", "i2": "I16", "i4": "I32", "i8": "I64"}
KINDS |= {"u1": "U8", "u2": "U16", "u4": "U32", "u8": "U64", "b1": "BOOL"}  # numpy's types in safetensors


class TraceFile(Protocol):
    """Parts of a trace on their way to a file."""

    def add(self, texts: Sequence[str], arrays: Arrays) -> None:
        """Take the next tokens: their texts, and arrays [T, ...] with the same names each time."""

    def finish(self) -> None:
        """Write what is left."""

    def close(self) -> None:
        """Let go of the file, and remove what waits."""


def trace_place(word: str, *, has_choice: bool) -> Path | None:
    """The path to write a trace to, checked before the work; None for an empty name, which shows it.

    has_choice: arrays or a layer were chosen. UsageError if it cannot be written.
    """
    path = output_file(word) if word else None
    ending = path.suffix.lower() if path else ""
    if path and ending not in (*STREAMED, *OTHERS):
        raise UsageError(f"unknown ending of {shown_name(word)}; a file has {FORMATS}", code="ending")
    if has_choice and ending not in STREAMED:
        raise UsageError(
            "--what and --layer are of arrays: write them to a file, with -o FILE.npz, .safetensors, .tsv or .csv"
        )
    return path if ending in STREAMED else view_place(word) if path else None


def write_parts(
    path: Path,
    parts: Iterator[tuple[Sequence[str], Arrays]],
    about: Mapping[str, str],
    indices: Mapping[str, tuple[int, ...]],
) -> Iterator[int]:
    """Write the texts and arrays of parts of a trace; yields after each how many tokens it had.

    about: what an archive says besides, such as the model. indices: of a unit before those of an array, for the names
    of columns. If it is stopped, or a part fails, the file stays as it was. UsageError if it cannot be written.
    """
    with replacing(path) as file:
        ending = path.suffix.lower()
        out: TraceFile = _Table(file, TABLES[ending], indices) if ending in TABLES else _Archive(file, path, about)
        try:
            for texts, arrays in parts:
                out.add(texts, arrays)
                yield len(texts)
            out.finish()
        finally:
            out.close()


class _Table:
    """Rows, in the dialect of RFC 4180 with newlines. The text follows the id."""

    def __init__(self, file: BinaryIO, delimiter: str, indices: Mapping[str, tuple[int, ...]]) -> None:
        self._text = TextIOWrapper(file, "utf-8", "replace", newline="", write_through=True)
        self._rows = csv.writer(self._text, delimiter=delimiter, lineterminator="\n")
        self._is_new, self._indices = True, indices

    def add(self, texts: Sequence[str], arrays: Arrays) -> None:
        columns: dict[str, Sequence[str]] = {}
        for name, array in arrays.items():
            numbers = array.round(DECIMALS) if array.dtype == np.float64 else array  # of a model's float32, all digits
            for index in np.ndindex(array.shape[1:]):
                columns[unit_text(name, (*self._indices.get(name, ()), *index))] = [
                    *map(str, numbers[(slice(None), *index)])
                ]
            if name == "id":
                columns["text"] = texts
        if self._is_new:
            self._rows.writerow(columns)
            self._is_new = False
        self._rows.writerows(zip(*columns.values(), strict=True))

    def finish(self) -> None:
        self._text.flush()

    def close(self) -> None:
        with suppress(OSError):  # a full disk, which was reported
            self._text.detach()


class _Archive:
    """Arrays, which wait in files without a name until their length is known."""

    def __init__(self, file: BinaryIO, path: Path, about: Mapping[str, str]) -> None:
        self._file, self._path, self._about = file, path, about
        self._texts: list[str] = []
        self._waiting: dict[str, _Spool] = {}

    def add(self, texts: Sequence[str], arrays: Arrays) -> None:
        self._texts += texts
        for name, array in arrays.items():
            if name not in self._waiting:
                self._waiting[name] = _Spool(array, self._path.parent)
            self._waiting[name].add(array)

    def finish(self) -> None:
        if self._path.suffix.lower() == ".npz":
            self._write_npz()
        else:
            self._write_safetensors()

    def close(self) -> None:
        for spool in self._waiting.values():
            with suppress(OSError):
                spool.file.close()

    def _write_npz(self) -> None:
        with zipfile.ZipFile(self._file, "w", zipfile.ZIP_STORED) as archive:
            for name, spool in self._waiting.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    described = {"descr": spool.kind.str, "fortran_order": False, "shape": spool.shape}
                    np.lib.format.write_array_header_1_0(member, described)
                    spool.copy_to(member)
            for name, text in {"text": self._texts, **self._about}.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, np.array(text, np.str_), allow_pickle=False)

    def _write_safetensors(self) -> None:
        header: dict[str, Any] = {"__metadata__": {**self._about, "text": json.dumps(self._texts)}}
        start = 0
        for name, spool in self._waiting.items():
            shape, kind = list(spool.shape), spool.kind
            if kind.kind == "c":
                shape, kind = [*shape, 2], np.zeros(0, kind).real.dtype
            header[name] = {"dtype": KINDS[kind.str[1:]], "shape": shape, "data_offsets": [start, start + spool.size]}
            start += spool.size
        described = json.dumps(header).encode()
        described += b" " * (-len(described) % 8)
        self._file.write(len(described).to_bytes(8, "little") + described)
        for spool in self._waiting.values():
            spool.copy_to(self._file)


class _Spool:
    """An array whose parts are in a file without a name, in a folder with room for it."""

    def __init__(self, like: NDArray[Any], folder: Path) -> None:
        self.kind, self.size = like.dtype.newbyteorder("<"), 0
        self.file: IO[bytes] = TemporaryFile(dir=folder)  # noqa: SIM115  # closed when all is written
        self._length, self._rest = 0, like.shape[1:]

    @property
    def shape(self) -> tuple[int, ...]:
        return self._length, *self._rest

    def add(self, array: NDArray[Any]) -> None:
        if array.shape[1:] != self._rest:
            raise UsageError("the arrays change their shapes from part to part, so no file can hold them", code="shape")
        data = np.ascontiguousarray(array, self.kind).data
        self.file.write(data if array.size else b"")
        self.size += data.nbytes
        self._length += len(array)

    def copy_to(self, other: IO[bytes]) -> None:
        self.file.seek(0)
        shutil.copyfileobj(self.file, other, 1 << 20)
