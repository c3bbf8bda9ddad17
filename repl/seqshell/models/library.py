"""The user's models as files: copying and removing them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from seqshell.core import paths
from seqshell.core.atomic_write import replacing
from seqshell.core.errors import CheckpointError, UsageError
from seqshell.core.named_files import opened, output_file, reason, shown_name
from seqshell.core.names import check_name
from seqshell.core.text_output import quoted
from seqshell.models.file import read_header, require_kind
from seqshell.models.source_record import forget_record, read_record, write_record


def owner_of(path: Path, folders: Iterable[Path]) -> str:
    """Whose a model's file is: "yours" in the models folder, "seqshell" or "a plugin", or "" elsewhere."""
    folder = path.absolute().parent
    if folder == paths.folder("models").absolute():
        return "yours"
    if folder == paths.shipped().absolute():
        return "seqshell"
    return "a plugin" if folder in {each.absolute() for each in folders} else ""


def new_path(name: str, folders: Iterable[Path]) -> Path:
    """The file of a model that does not exist yet: a name in the models folder, or a path.

    Raises UsageError for an invalid name, for one that a model has, and for a place that cannot be written.
    """
    if not paths.is_path(name):
        check_name(name)
        if name in (known := paths.list_checkpoints(folders)):
            raise UsageError(f"there is a model {name} already, {shown_name(known[name])}; choose another name")
    target = paths.output_path(name, "models")
    if target.suffix != paths.ENDING:
        target = target.with_name(target.name + paths.ENDING)
    if os.path.lexists(target):
        raise UsageError(f"{shown_name(target)} exists already; choose another name")
    return output_file(target)


def copy_model(word: str, new: str, folders: Iterable[Path]) -> Path:
    """Copy the file of a model, byte for byte, with the record of its source; returns the new file.

    Raises CheckpointError if it is no model, and UsageError as `new_path`.
    """
    source = paths.find_checkpoint(word, folders)
    require_kind(read_header(source), "model", source, word)
    target, record = new_path(new, folders), read_record(source)
    with opened(source, error=CheckpointError) as file, replacing(target) as copy:
        shutil.copyfileobj(file, copy, 1 << 20)
    if record is not None:
        write_record(target, record)
    return target


@dataclass(frozen=True)
class Removable:
    """A model that may be removed. target: of a symbolic link, which is removed while its target is kept."""

    name: str
    path: Path
    size: int
    target: Path | None
    hides: Path | None  # another model of this name, which opens once this one is removed

    def remove(self) -> None:
        """Remove the file and the record of its source. Raises UsageError if the system refuses."""
        try:
            self.path.unlink()
        except OSError as error:
            raise UsageError(f"cannot remove {shown_name(self.path)}: {reason(error)}") from None
        forget_record(self.path)


def removable(name: str, folders: Iterable[Path]) -> Removable:
    """The model of a name, if it is in the models folder.

    Raises UsageError for a path and for a model of seqshell or a plugin, and CheckpointError if there is none.
    """
    if paths.is_path(name):
        raise UsageError(f"rm takes the name of a model in {paths.folder('models')}; {quoted(name)} is a path")
    folders = tuple(folders)
    found = paths.find_checkpoint(name, folders)
    path = paths.folder("models") / f"{name}{paths.ENDING}"
    if found != path:
        whose = "ships with seqshell" if owner_of(found, folders) == "seqshell" else "belongs to a plugin"
        raise UsageError(f"{name} {whose} and is not removed: {shown_name(found)}")
    status = path.lstat()
    others = paths.checkpoints_in([*folders, paths.shipped()])
    return Removable(
        name, path, status.st_size, paths.without_links(path) if path.is_symlink() else None, others.get(name)
    )
