"""Where a file was downloaded from, and its hash, in a JSON file beside it, named as the file and .json.

It is written by `seqshell pull`, copied and removed with the model, and removed when the model is written again.
"""

from __future__ import annotations

import hashlib
import json
import re
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from seqshell.core.atomic_write import write_atomically
from seqshell.core.errors import CheckpointError
from seqshell.core.named_files import opened, read_bytes
from seqshell.core.strict_json import read_object

ENDING = ".json"
MAX_RECORD = 100_000  # bytes
BLOCK = 1 << 20  # bytes that are read together
SHA256 = re.compile(r"[0-9a-f]{64}")
VOUCHED = {"user": "as given with --sha256", "server": "as the server said before the download"}
UNVOUCHED = "of what was downloaded; nothing vouched for it"


@dataclass(frozen=True)
class SourceRecord:
    """url: as the user named it. revision: of a repository, else empty. size: in bytes.

    vouched_by: who named the hash before the download, "user" or "server"; empty if nobody did.
    """

    url: str
    revision: str
    size: int
    sha256: str
    vouched_by: str

    @property
    def voucher(self) -> str:
        """Who vouched for the hash, in words."""
        return VOUCHED.get(self.vouched_by, UNVOUCHED)


def record_path(path: Path) -> Path:
    """The record of a file; it may not exist."""
    return path.with_name(path.name + ENDING)


def write_record(path: Path, record: SourceRecord) -> None:
    """Write the record of a file. Raises UsageError if it cannot be written."""
    write_atomically(record_path(path), json.dumps(asdict(record), indent=1).encode())


def read_record(path: Path) -> SourceRecord | None:
    """The record of a file; None if there is none. Raises CheckpointError if it is damaged."""
    place = record_path(path)
    if not place.exists():
        return None
    data = read_bytes(place, error=CheckpointError, most=MAX_RECORD)
    try:
        found = read_object(data)
    except ValueError as error:
        raise CheckpointError(f"{place.name} is not JSON: {error}; remove it to forget the hash") from None
    values: dict[str, Any] = {each.name: found.get(each.name) for each in fields(SourceRecord)}
    wrong = [name for name, value in values.items() if type(value) is not (int if name == "size" else str)]
    if wrong or not SHA256.fullmatch(values["sha256"]):
        name = (wrong or ["sha256"])[0]
        raise CheckpointError(f"{place.name}: {name!r} is missing or wrong; remove it to forget the hash")
    return SourceRecord(**values)


def forget_record(path: Path) -> None:
    """Remove the record of a file, if there is one."""
    with suppress(OSError):
        record_path(path).unlink(missing_ok=True)


def sha256_of(path: Path) -> str:
    """The hex digest of a file's bytes. Raises CheckpointError if it cannot be read."""
    digest = hashlib.sha256()
    with opened(path, error=CheckpointError) as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()
