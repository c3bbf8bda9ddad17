"""A text as the ids of its tokens in a file, which trainings map into memory: a training reads what it needs of it.

The file has the ids for training, those for validation, and what was encoded how, as JSON, with its length and a mark
at the end. It is written under another name first, so that half a file is never used, and it has a checksum.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from seqshell.core.atomic_write import replacing
from seqshell.core.errors import RecipeError, UsageError

FOLDER = "encoded"  # beside the run
ENDING, LOCK = ".tokens", ".lock"
MARK = b"\nseqshell tokens 1"
BLOCK = 1 << 22  # bytes of a file that are checked together
MOST_FACTS = 1 << 28  # bytes of JSON

Facts = Mapping[str, Any]


@dataclass(frozen=True)
class TokenStore:
    """An encoded text. training, validation: [N] unsigned integers, mapped into memory. facts: what was encoded how."""

    training: NDArray[Any]
    validation: NDArray[Any]
    facts: Facts

    @classmethod
    def open(cls, path: Path) -> TokenStore | None:
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
                dtype = np.dtype(facts["type"])
                numbers = facts["training"], facts["validation"]
                state = os.fstat(file.fileno())
                found = _digest(path, end, (state.st_ino, state.st_size, state.st_mtime_ns))
                if sum(numbers) * dtype.itemsize != end or min(numbers) < 1 or found != facts["ids"]:
                    return None
            ids = np.memmap(path, dtype, "r", shape=sum(numbers))
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None
        return cls(ids[: numbers[0]], ids[numbers[0] :], facts)


def write_store(
    path: Path, dtype: np.dtype[Any], training: Iterable[bytes], validation: Iterable[bytes], facts: Facts
) -> None:
    """Write a store from parts of the ids. facts: besides type, numbers and checksum; may change until all is read.

    Raises RecipeError if the file cannot be written.
    """
    digest, numbers = hashlib.sha256(), []
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            for parts in (training, validation):
                number = 0
                for part in parts:
                    file.write(part)
                    digest.update(part)
                    number += len(part) // dtype.itemsize
                numbers.append(number)
            whole = {"type": dtype.str, "training": numbers[0], "validation": numbers[1], "ids": digest.hexdigest()}
            text = json.dumps({**facts, **whole}).encode("utf-8", "surrogatepass")
            file.write(text + len(text).to_bytes(8, "little") + MARK)
    except UsageError as error:
        raise RecipeError(
            f"the encoded text cannot be kept: {error.message}; choose another place with --out"
        ) from None
    except OSError as error:
        raise RecipeError(f"cannot create {path.parent}: {error.strerror}; choose another place with --out") from None


def check_room(path: Path, size: int) -> None:
    """Raise RecipeError unless there is room for a file of about this size."""
    folder = next(each for each in path.absolute().parents if each.is_dir())
    free = shutil.disk_usage(folder).free
    if free < size:
        raise RecipeError(
            f"{folder} has {free / 1e6:,.0f} MB free, but the encoded text needs about {size / 1e6:,.0f} MB; choose "
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
    """Remove all encoded texts in a folder, and what was left of unfinished ones; what is written now stays.

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


@lru_cache(maxsize=8)
def _digest(path: Path, end: int, stat: tuple[int, ...]) -> str:
    """The sha256 of the first bytes of a file. stat: of the file, which changes when it does."""
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while end > 0 and (block := file.read(min(BLOCK, end))):
            digest.update(block)
            end -= len(block)
    return digest.hexdigest()
