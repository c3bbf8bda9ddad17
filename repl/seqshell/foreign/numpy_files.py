"""Archives of numpy's arrays (.npz). Arrays of objects are pickles, and read as such: nothing of them is executed."""

from __future__ import annotations

import io
import math
import tokenize
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from seqshell.core.errors import CheckpointError
from seqshell.core.named_files import opened
from seqshell.foreign.calls import StoredArray
from seqshell.foreign.pickles import PickleFault, read_pickle
from seqshell.foreign.torch_files import ARCHIVE_FAULTS

ENDING = ".npy"
MOST_TIMES = 64  # the size of all arrays, in that of the file: zeros can be compressed without end
MOST_MORE = 1 << 20  # bytes of arrays beyond that
# numpy parses a header as Python, and one that is no literal token by token.
HEADER_FAULTS = (
    *(ValueError, KeyError, TypeError, OverflowError, RecursionError, MemoryError),
    *(SyntaxError, tokenize.TokenError),
)
HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def read_npz(path: Path) -> dict[str, Any]:
    """The arrays of a .npz by name; of an array of objects, what its pickle contains, as `read_torch` gives it.

    Nothing of the file is executed. Raises CheckpointError if it cannot be read, or wants to call something.
    """
    try:
        with opened(path, error=CheckpointError) as file:
            room = MOST_MORE + MOST_TIMES * file.seek(0, io.SEEK_END)
            with zipfile.ZipFile(file) as archive:
                entries = [info for info in archive.infolist() if info.filename.endswith(ENDING)]
                if sum(info.file_size for info in entries) > room:
                    raise PickleFault("its arrays are much larger than the file")
                return {info.filename.removesuffix(ENDING): _array(archive, info) for info in entries}
    except PickleFault as fault:
        raise CheckpointError(f"{path.name} is not read: {fault}") from None
    except ARCHIVE_FAULTS as error:
        raise CheckpointError(f"{path.name} is not read: its archive is damaged ({str(error)[:100]})") from None


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Any:
    with archive.open(info) as file:
        data = io.BytesIO(file.read(info.file_size))
    name = info.filename.removesuffix(ENDING)[:60]
    try:
        shape, is_fortran, kind = HEADERS[npy.read_magic(data)](data)
        if kind.hasobject:
            return _objects(data, shape)
        return _numbers(data, shape, is_fortran, kind)
    except HEADER_FAULTS as error:
        raise PickleFault(f"its array {name} is damaged ({str(error)[:100]})") from None


def _numbers(file: BinaryIO, shape: tuple[int, ...], is_fortran: bool, kind: np.dtype[Any]) -> NDArray[Any]:
    data = file.read()
    if math.prod(shape) * kind.itemsize != len(data):
        raise ValueError(f"{list(shape)} with {len(data):,} bytes")
    return np.frombuffer(data, kind).reshape(shape, order="F" if is_fortran else "C").copy()


def _objects(file: BinaryIO, shape: tuple[int, ...]) -> Any:
    """The value of an array of objects without dimensions, or the list of all values."""
    found = read_pickle(file)
    values = found.values if isinstance(found, StoredArray) else None
    if values is None or len(values) != math.prod(shape):
        raise ValueError("it has another content than its header says")
    return values if shape else values[0]
