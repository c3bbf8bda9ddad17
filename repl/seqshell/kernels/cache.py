"""The file of the object code: one for each processor, version of the libraries, and version of the kernels."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import stat
from pathlib import Path

from seqshell.core import paths
from seqshell.core.atomic_write import replacing
from seqshell.core.errors import UsageError

MAGIC = b"seqshell kernels 1\n"
SOURCES = ("layout", "lanes", "steps", "scalars", "draws", "compile")
ENDING = ".o"
MOST = 20  # files; the oldest are removed
MAX_BYTES = 10_000_000


class NotCompiled(ImportError):
    """There is no object code for this machine. The message says why."""


def folder() -> Path:
    """The folder of the object code; it may not exist. Raises NotCompiled if there is no place for it."""
    try:
        return paths.cache() / "kernels"
    except UsageError as error:
        raise NotCompiled(error.message) from None


def any_file() -> bool:
    """Whether there is object code of any kind, which may be for another machine. Imports nothing."""
    try:
        with os.scandir(folder()) as entries:
            return any(entry.name.endswith(ENDING) for entry in entries)
    except (OSError, NotCompiled):
        return False


def path() -> Path:
    """The file for this processor, these libraries and these kernels. Raises NotCompiled without llvmlite or numba."""
    try:
        import llvmlite
        from llvmlite import binding
    except ImportError:
        raise NotCompiled("llvmlite is not installed") from None
    except OSError as error:  # its library cannot be loaded
        raise NotCompiled(f"llvmlite cannot be loaded: {error}") from None
    features = binding.get_host_cpu_features().flatten()
    target = binding.get_process_triple(), binding.get_host_cpu_name(), features, llvmlite.__version__
    digest = hashlib.sha256("\n".join(target).encode())
    digest.update(_numba_version())
    for name in SOURCES:
        digest.update(Path(__file__).with_name(f"{name}.py").read_bytes())
    return folder() / f"{digest.hexdigest()[:32]}{ENDING}"


def _numba_version() -> bytes:
    """What tells one version of numba from another, without importing it."""
    found = importlib.util.find_spec("numba")
    if found is None or found.origin is None:
        raise NotCompiled("numba is not installed")
    try:
        return Path(found.origin).with_name("_version.py").read_bytes()
    except OSError:
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
    return file.with_suffix(".failed")


def note_failure(file: Path, reason: str) -> None:
    """Write down why the object code of `file` could not be made."""
    failure(file).write_text(reason, "utf-8")


def reason_of(file: Path) -> str:
    """Why there is no such file."""
    try:
        return f"the compilation failed: {failure(file).read_text('utf-8', 'replace')[:500].strip()}"
    except OSError:
        return "not compiled yet"
