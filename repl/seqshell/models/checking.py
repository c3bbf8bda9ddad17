"""Check the files of models: each is read to the end, opened, and compared with its hash if one is stored."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from seqshell.core.errors import SeqshellError
from seqshell.core.events import Progress
from seqshell.core.named_files import reason, shown_name
from seqshell.host import Registry
from seqshell.models.opening import open_model
from seqshell.models.source_record import read_record, sha256_of


@dataclass(frozen=True)
class CheckedModel:
    """A model's file. problem: empty if it is fine. sha256: of the file. stored: whether the hash of a download is
    stored. differs: whether that is another one.
    """

    name: str
    path: Path
    size: int
    sha256: str
    stored: bool
    differs: bool
    problem: str


def check_models(found: Mapping[str, Path], registry: Registry) -> Iterator[Progress | CheckedModel]:
    """Check models by name, each after a Progress."""
    for number, (name, path) in enumerate(found.items()):
        yield Progress(number, len(found), name, "checking")
        yield check_model(name, path, registry)


def check_model(name: str, path: Path, registry: Registry) -> CheckedModel:
    """Check one file: its hash, header, tensors and finite weights, and whether the plugins open it."""
    size, sha256, stored, differs = 0, "", False, False

    def checked(problem: str) -> CheckedModel:
        return CheckedModel(name, path, size, sha256, stored, differs, problem)

    try:
        size, sha256 = os.stat(path).st_size, sha256_of(path)
        record = read_record(path)
        stored, differs = record is not None, record is not None and record.sha256 != sha256
        if differs:
            return checked("it is not what was downloaded: its sha256 is another one; remove it and pull it again")
        open_model(path, registry)
    except SeqshellError as error:
        return checked(error.message)
    except OSError as error:
        return checked(f"cannot read {shown_name(path)}: {reason(error)}")
    return checked("")
