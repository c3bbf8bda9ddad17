"""Files of torch: weights, and whole modules as records. Neither torch nor the classes that wrote them are needed.

Both formats are read: the zip archive, and that before torch 1.6, several pickles followed by the numbers.
"""

from __future__ import annotations

import io
import math
import mmap
import zipfile
import zlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import CheckpointError
from seqshell.core.named_files import opened
from seqshell.core.text_output import in_one_line
from seqshell.foreign.calls import CALLS
from seqshell.foreign.pickles import PickleFault, read_pickle
from seqshell.foreign.records import Name

MAX_PICKLE = 100_000_000  # bytes of the pickle in an archive
MAX_DIMENSIONS = 32
MAX_REASON = 200  # characters
# zipfile raises NotImplementedError for an unknown compression, RuntimeError for an encrypted archive, ValueError for
# names that are not UTF-8.
ARCHIVE_FAULTS = (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError, ValueError, zlib.error)
Reopened = Callable[[], AbstractContextManager[BinaryIO]]
MAGIC = 0x1950A86A20F9469CFC6C  # of the format before torch 1.6
# numpy's formats by torch's names; bfloat16 is the upper half of a float32.
NUMBERS = {
    "float64": "<f8",
    "float32": "<f4",
    "float16": "<f2",
    "bfloat16": "<u2",
    "int64": "<i8",
    "int32": "<i4",
    "int16": "<i2",
    "int8": "<i1",
    "uint64": "<u8",
    "uint32": "<u4",
    "uint16": "<u2",
    "uint8": "<u1",
    "bool": "|b1",
}
STORAGES = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "UntypedStorage": "uint8",
}


@dataclass(eq=False)
class Storage:
    """The numbers of a file that tensors share. kind: as in NUMBERS. data: None until it is read."""

    kind: str
    count: int
    data: Callable[[], bytes] | None = None

    def numbers(self, kind: str) -> NDArray[Any]:
        """All of them, in the format of a kind."""
        if self.data is None:
            raise CheckpointError("the file does not have the numbers of a tensor")
        return np.frombuffer(self.data(), NUMBERS[kind])


@dataclass(eq=False)
class StoredTensor:
    """A tensor of a file; `numpy` reads its numbers. kind: as torch calls it, such as float32."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    kind: str

    def __post_init__(self) -> None:
        sizes = (self.offset, *self.shape, *self.strides)
        if len(self.shape) != len(self.strides) or len(self.shape) > MAX_DIMENSIONS:
            raise ValueError("a tensor of another shape")
        if any(type(size) is not int or size < 0 for size in sizes):
            raise ValueError("a tensor of another shape")

    def __repr__(self) -> str:
        return f"<{self.kind} {list(self.shape)}>"

    @property
    def is_float(self) -> bool:
        """Whether its numbers are floats."""
        return "f" in NUMBERS[self.kind] or self.kind == "bfloat16"

    def numpy(self) -> NDArray[Any]:
        """A copy in numpy; bfloat16 becomes float32. CheckpointError if the file does not have so many numbers."""
        found = self.storage.numbers(self.kind)
        last = self.offset + sum((size - 1) * stride for size, stride in zip(self.shape, self.strides, strict=True))
        count = math.prod(self.shape)
        if count and (last >= len(found) or count > len(found)):
            raise CheckpointError(f"a tensor {list(self.shape)} has more numbers than the file")
        strides = [stride * found.itemsize for stride in self.strides]
        view = np.lib.stride_tricks.as_strided(found[self.offset :] if count else found[:0], self.shape, strides)
        if self.kind == "bfloat16":
            return (view.astype(np.uint32) << 16).view(np.float32)
        return view.copy()


def read_torch(path: Path) -> Any:
    """What a file of torch contains: containers, numbers and texts, a StoredTensor for each tensor, and a Record for
    each object of another class.

    Nothing of the file is executed. Raises CheckpointError if it cannot be read, or wants to call something.
    """
    try:
        return _read(path)
    except PickleFault as fault:
        raise CheckpointError(f"{path.name} is not read: {in_one_line(str(fault))[:MAX_REASON]}") from None


def _read(path: Path) -> Any:
    with opened(path, error=CheckpointError) as file:
        if _is_archive(file):
            return _from_archive(partial(opened, path, error=CheckpointError))
        size = file.seek(0, io.SEEK_END)
        if not size:
            raise PickleFault("it is empty")
        return _from_pickles(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def _is_archive(file: BinaryIO) -> bool:
    found = file.read(4) == b"PK\3\4"
    file.seek(0)
    return found


def _from_archive(reopened: Reopened) -> Any:
    """reopened: opens the archive again. The numbers of a tensor are read when they are asked for."""
    try:
        with reopened() as file, zipfile.ZipFile(file) as archive:
            size = file.seek(0, io.SEEK_END)
            entries = {info.filename: info for info in archive.infolist()}
            main = next((name for name in entries if name == "data.pkl" or name.endswith("/data.pkl")), None)
            if main is None:
                raise PickleFault("it is no archive of torch")
            folder = main.removesuffix("data.pkl")
            if entries[main].file_size > MAX_PICKLE:
                raise PickleFault("its list of contents is too long")
            order = archive.read(f"{folder}byteorder") if f"{folder}byteorder" in entries else b"little"
            if order.strip() != b"little":
                raise PickleFault("its numbers are in another byte order")
            storages: dict[str, Storage] = {}
            read = 0

            def storage(key: str, kind: str, count: int) -> Storage:
                nonlocal read
                if key not in storages:
                    info = entries.get(f"{folder}data/{key}")
                    wanted = count * np.dtype(NUMBERS[kind]).itemsize
                    read += wanted
                    if info is None or info.file_size != wanted or read > size:
                        raise PickleFault(f"the numbers {key} are missing or too few")
                    storages[key] = Storage(kind, count, partial(_member, reopened, info.filename))
                return storages[key]

            return read_pickle(io.BytesIO(archive.read(main)), TORCH_CALLS, partial(_stored, storage))
    except PickleFault:
        raise
    except ARCHIVE_FAULTS as error:
        raise PickleFault(f"its archive is damaged ({str(error)[:100]})") from None


def _member(reopened: Reopened, name: str) -> bytes:
    try:
        with reopened() as file, zipfile.ZipFile(file) as archive:
            return archive.read(name)
    except (*ARCHIVE_FAULTS, KeyError) as error:
        raise CheckpointError(f"the numbers of a tensor are damaged ({in_one_line(str(error))[:100]})") from None


def _from_pickles(file: Any) -> Any:
    """The format before torch 1.6, or a plain pickle."""
    storages: dict[str, Storage] = {}

    def storage(key: str, kind: str, count: int) -> Storage:
        return storages.setdefault(key, Storage(kind, count))

    first = read_pickle(file, TORCH_CALLS)
    if first != MAGIC:
        return first
    for _ in range(2):  # the version, and information about the system
        read_pickle(file, TORCH_CALLS)
    found = read_pickle(file, TORCH_CALLS, partial(_stored, storage))
    keys = read_pickle(file, TORCH_CALLS)
    if not isinstance(keys, list):
        raise PickleFault("it is damaged (it does not name its numbers)")
    place = file.tell()
    for key in keys:
        each = storages.get(str(key))
        if each is None:
            raise PickleFault("it is damaged (it has numbers without a tensor)")
        (count,) = np.frombuffer(file[place : place + 8], "<i8") if len(file) >= place + 8 else (-1,)
        num_bytes = int(count) * np.dtype(NUMBERS[each.kind]).itemsize
        place += 8
        if count < 0 or place + num_bytes > len(file):
            raise PickleFault("it is truncated")
        each.data = partial(_slice, file, place, num_bytes)
        place += num_bytes
    return found


def _slice(file: Any, start: int, size: int) -> bytes:
    found: bytes = file[start : start + size]
    return found


def _stored(storage: Callable[[str, str, int], Storage], identity: Any) -> Any:
    """What a persistent id stands for: numbers, or the module with its source code, of which the module is kept."""
    if isinstance(identity, tuple) and identity[:1] == ("module",) and len(identity) > 1:
        return identity[1]
    if not isinstance(identity, tuple) or identity[:1] != ("storage",) or len(identity) < 5:
        raise PickleFault("it refers to data of another kind")
    _, cls, key, _, count = identity[:5]
    kind = STORAGES.get(cls.name.rpartition(".")[2], "") if isinstance(cls, Name) else ""
    if not kind or type(count) is not int or count < 0 or (len(identity) > 5 and identity[5] is not None):
        raise PickleFault(f"it has numbers of the kind {str(cls)[:60]}")
    return storage(str(key), kind, count)


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any, *rest: Any) -> StoredTensor:
    if not isinstance(storage, Storage):
        raise PickleFault("it has a tensor without numbers")
    return StoredTensor(storage, offset, tuple(shape), tuple(strides), storage.kind)


def _tensor_of_type(
    storage: Any, offset: Any, shape: Any, strides: Any, grad: Any, hooks: Any, kind: Any, *rest: Any
) -> StoredTensor:
    found = _tensor(storage, offset, shape, strides)
    found.kind = kind.name if isinstance(kind, Name) else ""
    if found.kind not in NUMBERS:
        raise PickleFault(f"it has numbers of the kind {str(kind)[:60]}")
    return found


def _parameter(data: Any = None, *rest: Any) -> Any:
    return data


def _in_bytes(data: Any) -> Any:
    """A storage that another pickle contains whole, as a file of torch."""
    if not isinstance(data, bytes) or data.count(b"_load_from_bytes"):
        raise PickleFault("it has numbers of another kind")
    is_archive = _is_archive(io.BytesIO(data))
    return _from_archive(partial(io.BytesIO, data)) if is_archive else _from_pickles(_Bytes(data))


class _Bytes(io.BytesIO):
    """Bytes that are read as a mapped file is."""

    def __len__(self) -> int:
        return self.getbuffer().nbytes

    def __getitem__(self, part: slice) -> bytes:
        return self.getvalue()[part]


def _same(value: Any, *rest: Any) -> Any:
    return value


def _nothing(*rest: Any) -> None:
    return None


def _shape(values: Any = ()) -> tuple[Any, ...]:
    return tuple(values)


def _device(*names: Any) -> str:
    return ":".join(map(str, names))


TORCH_CALLS: Mapping[str, Callable[..., Any]] = {
    **CALLS,
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor_v3": _tensor_of_type,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter,
    "torch.nn.parameter.Parameter": _parameter,
    "torch.nn.parameter.Buffer": _parameter,
    "torch._tensor._rebuild_from_type_v2": lambda call, cls, arguments, state: TORCH_CALLS[str(call)](*arguments),
    "torch.storage._load_from_bytes": _in_bytes,
    "torch.Size": _shape,
    "torch.device": _device,
    "torch.nn.backends.thnn._get_thnn_function_backend": _nothing,  # a field of the modules of torch before 1.4
    "torch.serialization._get_layout": _same,
    "torch.jit._pickle.restore_type_tag": _same,
    **{f"torch.jit._pickle.build_{kind}list": _same for kind in ("int", "double", "bool", "tensor")},
}
