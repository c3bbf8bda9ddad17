"""Rehearse the end of a training before its first update, so that no finished training turns out to be in vain."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from seqshell.core.errors import CheckpointError, RecipeError, UnwritableError
from seqshell.core.model import Model
from seqshell.core.text_output import readable
from seqshell.host import Registry
from seqshell.models.opening import open_model
from seqshell.training.counting import is_counted
from seqshell.training.keeping import save_model
from seqshell.training.preparation import Prepared
from seqshell.training.run_files import resume_bytes
from seqshell.training.run_folder import RESUME_FILE

NUM_STEPS = 16  # on which decoder and untrained module are compared
ADVICE = "choose another place with --out"


def rehearse(prepared: Prepared, registry: Registry, out: Path, folder: Path) -> str:
    """Write the untrained model as a checkpoint beside `out`, open it, and remove it; check that there is room.

    folder: of the run. Returns a note if the architecture's decoder fails, else "": samples and validation then need
    `Prepared.in_torch`. Raises RecipeError if the model could not be kept.
    """
    if out.exists() and not out.is_file():
        raise RecipeError(f"cannot write {out}: it is not a regular file; {ADVICE}")
    module = prepared.new_module().eval()
    try:
        with _temporary(out.parent) as path:
            model = write_and_open(prepared, module, path, registry)
            sizes = {out: path.stat().st_size}
    except UnwritableError as error:
        raise RecipeError(f"cannot write to {out.parent}: {error.reason}; {ADVICE}") from None
    if not is_counted(prepared.architecture):
        sizes[folder / RESUME_FILE] = resume_bytes(module, prepared.recipe.training)
    check_room(sizes)
    return torch_note(model)


def torch_note(model: Model | None) -> str:
    """Why a training and its checkpoint need torch, if the decoder of the untrained model fails; else ""."""
    reason = model.header.get("runs_in_torch") if model is not None else ""
    return f"{reason}; training and its checkpoint use the module in torch instead" if reason else ""


def write_and_open(prepared: Prepared, module: Any, path: Path, registry: Registry) -> Model | None:
    """Write a module as a checkpoint, and open it unless it still has to count, or is a state.

    Raises UnwritableError if the place cannot be written, and RecipeError if the model could not be kept anywhere.
    """
    inputs = prepared.objective.inputs().first(NUM_STEPS)
    try:
        save_model(prepared, module, path, registry, {}, lambda text: None, inputs)
        is_model = not is_counted(prepared.architecture) and not prepared.recipe.training.tune
        return open_model(path, registry) if is_model else None
    except UnwritableError:
        raise
    except CheckpointError as error:
        reason = error.message.removeprefix(f"{path.name}: ")
        raise RecipeError(
            f"{prepared.recipe.name}: no checkpoint could be written of this model: {reason}", hint=error.hint
        ) from None


def check_room(sizes: dict[Path, int]) -> None:
    """Raise RecipeError unless files of these sizes can be written, while those that they replace are still there."""
    free = shutil.disk_usage(next(iter(sizes)).parent).free
    existing = sum(path.stat().st_size for path in sizes if path.exists())
    needed = 2 * sum(sizes.values()) - existing
    if free < needed:
        raise RecipeError(
            f"{next(iter(sizes)).parent} has {readable(free)} free, but checkpoint and resume file need about "
            f"{readable(needed)}; {ADVICE}"
        )
    for path, size in sizes.items():
        try:
            with _temporary(path.parent) as place, place.open("wb") as file:
                _allocate(file.fileno(), size)
        except OSError as error:
            raise RecipeError(
                f"cannot write a file of {readable(size)} to {path.parent}: {error.strerror}; {ADVICE}"
            ) from None


def _allocate(file: int, size: int) -> None:
    """Reserve the space, so that a full disk, a quota and a limit for files show."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file, 0, size)
        return
    block = bytes(2**20)
    for start in range(0, size, len(block)):
        os.write(file, block[: size - start])


@contextmanager
def _temporary(folder: Path) -> Iterator[Path]:
    """A path in a folder for a file that is removed in the end."""
    path = folder / f".seqshell-{os.getpid()}-{os.urandom(6).hex()}.tmp"
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)
