"""The file of the object code: one for each processor, version of the libraries, and version of the kernels."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import stat
import time
from pathlib import Path

from seqshell.core import paths
from seqshell.core.atomic_write import replacing
from seqshell.core.errors import UsageError

MAGIC = b"seqshell kernels 1\n"
SOURCES = (
    "layout",
    "lanes",
    "narrow",
    "sharing",
    "functions",
    "cells",
    "steps",
    "scalars",
    "doubles",
    "draws",
    "chunks",
    "compile",
)
ENDING, FAILED = ".o", ".failed"
MOST = 20  # files; the oldest are removed
DISABLED = "NUMBA_DISABLE_JIT"  # numba's variable: do not compile
MAX_BYTES = 10_000_000
INTERRUPTED = "it was interrupted"


class NotCompiled(ImportError):
    """There is no object code for this machine. The message says why."""


def folder() -> Path:
    """The folder of the object code; it may not exist. Raises NotCompiled if there is no place for it."""
    try:
        return paths.cache() / "kernels"
    except UsageError as error:
        raise NotCompiled(error.message) from None


def require_libraries() -> None:
    """Raise NotCompiled without llvmlite or numba, or if numba must not compile. Neither is imported."""
    if os.environ.get(DISABLED, "0") not in ("", "0"):
        raise NotCompiled(f"{DISABLED} is set")
    for name in ("numba", "llvmlite"):
        if importlib.util.find_spec(name) is None:
            raise NotCompiled(f"{name} is not installed")


def path() -> Path:
    """The file for this processor, these libraries and these kernels. Raises NotCompiled if there cannot be one."""
    require_libraries()
    try:
        from llvmlite import __version__, binding
    except (ImportError, OSError) as error:  # its library cannot be loaded
        raise NotCompiled(f"llvmlite cannot be loaded: {error}") from None
    features = binding.get_host_cpu_features().flatten()
    target = binding.get_process_triple(), binding.get_host_cpu_name(), features, __version__
    digest = hashlib.sha256("\n".join(target).encode())
    digest.update(_numba_version())
    for name in SOURCES:
        digest.update(Path(__file__).parent.joinpath(f"{name}.py").read_bytes())
    return folder() / f"{digest.hexdigest()[:32]}{ENDING}"


def is_empty() -> bool:
    """Whether there is neither object code nor the reason why there is none, for this machine or another."""
    try:
        with os.scandir(folder()) as entries:
            return not any(entry.name.endswith((ENDING, FAILED)) for entry in entries)
    except OSError:
        return True


def _numba_version() -> bytes:
    """What identifies the version of numba, without importing it."""
    found = importlib.util.find_spec("numba")
    assert found is not None
    try:
        return Path(found.origin or "").with_name("_version.py").read_bytes()
    except (OSError, ValueError):
        return b""


def read(file: Path) -> bytes:
    """The object code in a file. Raises NotCompiled unless the file is whole, and this user's alone to write."""
    try:
        handle = os.open(file, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        raise NotCompiled(reason_of(file)) from None
    except OSError as error:
        raise NotCompiled(f"{file} cannot be read: {error.strerror}") from None
    with os.fdopen(handle, "rb") as opened:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise NotCompiled(f"{file} is not a file")
        if hasattr(os, "getuid") and (found.st_uid != os.getuid() or found.st_mode & 0o022):
            raise NotCompiled(f"{file} may be written by another user")
        content = opened.read(MAX_BYTES)
    code = content[len(MAGIC) + 32 :]
    if content[: len(MAGIC) + 32] != MAGIC + hashlib.sha256(code).digest():
        raise NotCompiled(f"{file} is damaged")
    return code


def write(file: Path, code: bytes) -> None:
    """Write object code, which is there as a whole or not at all. Raises UsageError if it cannot be written."""
    with replacing(file) as opened:
        if hasattr(os, "fchmod"):
            os.fchmod(opened.fileno(), 0o600)  # `read` refuses what others may write
        opened.write(MAGIC + hashlib.sha256(code).digest() + code)
    failure(file).unlink(missing_ok=True)
    files = sorted(file.parent.glob(f"*{ENDING}"), key=lambda each: each.stat().st_mtime)
    for old in files[:-MOST]:
        old.unlink(missing_ok=True)


def failure(file: Path) -> Path:
    """Where the reason is written if the object code of `file` could not be made."""
    return file.with_suffix(FAILED)


def can_be_written(file: Path) -> bool:
    """Whether the file's folder exists, or can be made, and can be written to."""
    folder = file.parent
    while not os.path.lexists(folder) and folder != folder.parent:
        folder = folder.parent
    return folder.is_dir() and os.access(folder, os.W_OK)


def note_failure(file: Path, reason: str) -> None:
    """Write down why the object code of `file` could not be made."""
    failure(file).write_text(reason, "utf-8")


def has_failed(file: Path, seconds: float) -> bool:
    """Whether the compilation failed in the last seconds; one that was interrupted may be tried again at once."""
    try:
        reason, age = failure(file).read_text("utf-8", "replace"), time.time() - failure(file).stat().st_mtime
    except OSError:
        return False
    return reason != INTERRUPTED and age < seconds


def reason_of(file: Path) -> str:
    """Why there is no such file."""
    if not can_be_written(file):
        return f"{file.parent} cannot be written"
    try:
        reason = failure(file).read_text("utf-8", "replace")[:500].strip()
    except OSError:
        reason = INTERRUPTED
    return "not compiled yet" if reason == INTERRUPTED else f"the compilation failed: {reason}"
