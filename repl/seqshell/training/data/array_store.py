"""Data for trainings as arrays in a file, which is mapped into memory: a training reads what it needs of them.

The file has the arrays one after the other, and what they were made of, as JSON, with its length and a mark at the end.
It is written under another name first, so that half a file is never used, and it has a checksum.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import mmap
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeVar

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from seqshell.core.atomic_write import replacing
from seqshell.core.errors import CheckpointError, RecipeError, UsageError

FOLDER = "encoded"  # beside the run
ENDING, LOCK = ".tokens", ".lock"
MARK = b"\nseqshell arrays 3"
BLOCK = 1 << 22  # bytes of a file that are checked, or copied, together
ALIGNED = 8  # each array begins at a multiple of so many bytes
MOST_FACTS = 1 << 28  # bytes of JSON
WAIT = 1.0  # seconds until the lock of another training is tried again

Found = TypeVar("Found")
Facts = Mapping[str, Any]
Parts = tuple[str, Any, Iterable[bytes]]  # the name of an array, its type, and its bytes in parts


@dataclass(frozen=True)
class ArrayStore:
    """Arrays [N] by name, mapped into memory. facts: what they were made of, and how."""

    arrays: Mapping[str, NDArray[Any]]
    facts: Facts

    @classmethod
    def open(cls, path: Path) -> ArrayStore | None:
        """The store of a file; None if there is none, or if it is damaged."""
        try:
            with path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - len(MARK) - 8))
                length = int.from_bytes(file.read(8), "little")
                if file.read() != MARK or not 0 < length <= min(size, MOST_FACTS):
                    return None
                end = size - len(MARK) - 8 - length
                file.seek(end)
                facts = json.loads(file.read(length))
                if _digest(path, end, _state(file)) != facts["checksum"]:
                    return None
                mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
                arrays = {
                    name: np.frombuffer(mapped, np.dtype(kind), number, place)
                    for name, (kind, number, place) in facts["arrays"].items()
                }
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None
        return cls(arrays, facts)


def forget(array: Any) -> None:
    """Let the system take back what it read of a mapped array: what is read next comes from the file again."""
    base: Any = array
    while isinstance(base, np.ndarray):
        base = base.base
    base = base.obj if isinstance(base, memoryview) else base
    if isinstance(base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        base.madvise(mmap.MADV_DONTNEED)


class Spools(contextlib.ExitStack):
    """A context in which numbers are collected in files of a folder, which end with it. They have no names there."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def new(self, dtype: Any) -> Spool:
        """A new one."""
        return Spool(np.dtype(dtype), self.enter_context(tempfile.TemporaryFile(dir=self._folder)))


class Spool:
    """Numbers that are appended to a file, and read when they are complete."""

    def __init__(self, dtype: np.dtype[Any], file: Any) -> None:
        self.dtype, self._file = dtype, file

    def add(self, values: Any) -> None:
        """Append numbers: their bytes, or an array."""
        self._file.write(values)

    def array(self) -> NDArray[Any]:
        """The numbers [N] so far, mapped into memory."""
        self._file.flush()
        if not self._file.tell():
            return np.zeros(0, self.dtype)
        return np.frombuffer(mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ), self.dtype)

    def parts(self, dtype: Any = None) -> Iterator[bytes]:
        """Their bytes. dtype: as which integers."""
        self._file.flush()
        place = 0
        while block := os.pread(self._file.fileno(), BLOCK, place):
            place += len(block)
            yield block if dtype is None else np.frombuffer(block, self.dtype).astype(dtype).tobytes()


def array_parts(name: str, array: NDArray[Any]) -> Parts:
    """What `write_store` writes of an array."""
    size = BLOCK // array.itemsize
    return name, array.dtype, (array[start : start + size].tobytes() for start in range(0, len(array), size))


def write_store(path: Path, arrays: Iterable[Parts], facts: Facts) -> None:
    """Write a store. facts: besides the places and the checksum of the arrays; may change until all is read.

    Raises RecipeError if the file cannot be written.
    """
    digest, places = hashlib.sha256(), dict[str, tuple[str, int, int]]()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # The checksum shows what a crash leaves of it.
        with replacing(path, is_lasting=False) as file, ThreadPoolExecutor(1) as beside:
            place = 0

            def write(part: bytes) -> None:
                nonlocal place
                hashed = beside.submit(digest.update, part)
                file.write(part)
                hashed.result()
                place += len(part)

            for name, kind, parts in arrays:
                dtype, start = np.dtype(kind), place
                for part in parts:
                    write(part)
                places[name] = dtype.str, (place - start) // dtype.itemsize, start
                write(bytes(-place % ALIGNED))
            whole = {"arrays": places, "checksum": digest.hexdigest()}
            text = json.dumps({**facts, **whole}).encode("utf-8", "surrogatepass")
            file.write(text + len(text).to_bytes(8, "little") + MARK)
            file.flush()
            _DIGESTS[path, place, _state(file)] = digest.hexdigest()
    except UsageError as error:
        raise RecipeError(
            f"the encoded data cannot be kept: {error.message}; choose another place with --out"
        ) from None
    except OSError as error:
        raise RecipeError(f"cannot create {path.parent}: {error.strerror}; choose another place with --out") from None


def written_once(path: Path, write: Callable[[], None], waiting: Callable[[], None]) -> None:
    """Let `write` write a store, unless it is there. waiting: called while another training writes it."""
    while ArrayStore.open(path) is None:
        with locked(path) as is_free:
            if is_free:
                if ArrayStore.open(path) is None:
                    write()
                return
        waiting()
        time.sleep(WAIT)


def read_written(path: Path, write: Callable[[], None], read: Callable[[ArrayStore], Found]) -> Found:
    """What `read` finds in a store, which `write` writes if it is missing.

    It is written again if it lacks what `read` asks for. RecipeError if it is removed again and again.
    """
    for _ in range(2):
        write()
        store = ArrayStore.open(path)
        try:
            if store is not None:
                return read(store)
        except (CheckpointError, KeyError, TypeError, ValueError):
            path.unlink(missing_ok=True)
    raise RecipeError(f"{path} was removed while it was read; train again")


def check_room(path: Path, size: int) -> None:
    """Raise RecipeError unless there is room for a file of about this size."""
    folder = next(each for each in path.absolute().parents if each.is_dir())
    free = shutil.disk_usage(folder).free
    if free < size:
        raise RecipeError(
            f"{folder} has {free / 1e6:,.0f} MB free, but the encoded data needs about {size / 1e6:,.0f} MB; choose "
            "another place with --out"
        )


@contextlib.contextmanager
def locked(path: Path) -> Iterator[bool]:
    """A context in which no other process writes this store; False if another one does now."""
    lock = FileLock(path.with_suffix(LOCK), timeout=0)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        yield False
        return
    except OSError as error:
        raise RecipeError(f"cannot write to {path.parent}: {error.strerror}; choose another place with --out") from None
    try:
        yield True
    finally:
        lock.release()


def remove_stores(folder: Path) -> list[tuple[Path, int]]:
    """Remove all encoded data in a folder, and what was left of unfinished ones; what is written now stays.

    Returns the files and their bytes. Raises UsageError if one cannot be removed.
    """
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    busy = {path.stem for path in found if path.suffix == LOCK and not _is_free(path)}
    removed = []
    for path in found:
        if (path.suffix in (ENDING, LOCK) and path.stem not in busy) or (path.suffix == ".tmp" and not busy):
            try:
                size = path.stat().st_size
                path.unlink()
            except OSError as error:
                raise UsageError(f"cannot remove {path}: {error.strerror}") from None
            if path.suffix != LOCK:
                removed.append((path, size))
    return removed


def _is_free(path: Path) -> bool:
    with locked(path) as is_free:
        return is_free


def _state(file: IO[bytes]) -> tuple[int, ...]:
    """What changes when a file does."""
    stat = os.fstat(file.fileno())
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def _digest(path: Path, end: int, state: tuple[int, ...]) -> str:
    """The sha256 of the first bytes of a file. state: of the file."""
    key = path, end, state
    if key not in _DIGESTS:
        digest, left = hashlib.sha256(), end
        with path.open("rb", buffering=0) as file:
            while left > 0 and (block := file.read(min(BLOCK, left))):
                digest.update(block)
                left -= len(block)
        _DIGESTS[key] = digest.hexdigest()
    return _DIGESTS[key]


_DIGESTS: dict[tuple[Path, int, tuple[int, ...]], str] = {}  # of files that were written or read
