"""Import a file of another program: find an importer that reads it, build the model, check it and save it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from seqshell.core import paths
from seqshell.core.errors import UsageError
from seqshell.core.imported_model import ForeignModel
from seqshell.core.named_files import output_file
from seqshell.core.names import NAME
from seqshell.models.foreign_models import Given, built_model, completed_model, read_model, require_file
from seqshell.models.saving import save_checkpoint

if TYPE_CHECKING:
    from seqshell.host import Registry

ENDINGS = re.compile(r"(\.(safetensors|pt|pth|ckpt|bin|net|model|pkl|tar))+$|\.\w+$", re.I)


@dataclass(frozen=True)
class Imported:
    """The path of the new checkpoint, the name of the importer, and the model that it read.

    difference: the largest one between outputs of the original and the model's; None if the file has no such outputs.
    """

    path: Path
    importer: str
    model: ForeignModel
    difference: float | None = None


def import_model(
    path: Path,
    registry: Registry,
    *,
    given: Given,
    out: str | None = None,
    warn: Callable[[str], None],
) -> Imported:
    """Save the model in a file of another program as a checkpoint.

    given: what the user says about it. out: a name or path; None: the file's own name, which must be free. warn: called
    with a message for each importer that failed and was skipped, and as save_checkpoint does. Raises a SeqshellError
    that says what is wrong with the file, or what its map must contain.
    """
    require_file(path)
    target = _target(path, out)
    importer, model = read_model(path, given, registry, warn)
    model = completed_model(model, given, registry)
    built = built_model(model, importer, registry)
    written = save_checkpoint(
        target,
        architecture=model.architecture,
        module=built.module,
        config=built.config,
        tokenizer=model.tokenizer,
        source_tokenizer=model.source_tokenizer,
        labels=model.labels,
        series=model.series,
        defaults=model.defaults,
        about=model.about,
        provenance={"imported": {"file": path.name, "importer": importer}},
        registry=registry,
        warn=warn,
    )
    return Imported(written, importer, model, built.difference)


def _target(path: Path, out: str | None) -> Path:
    """Return the path to write.

    Raises UsageError if it is the imported file, or if it exists and was not given explicitly.
    """
    stem = ENDINGS.sub("", path.name) or path.stem
    if out is None and not NAME.fullmatch(stem):
        raise UsageError(f"{stem!r} is not a valid model name; choose one with --out NAME")
    target = output_file(paths.output_path(out if out is not None else stem, "models"))
    if target.exists() and target.samefile(path):
        raise UsageError(
            f"--out {out} is the imported file itself; with a name, the checkpoint is saved in your models folder"
        )
    if out is None and target.exists():
        raise UsageError(f"you already have a model {stem}: --out NAME chooses another name, --out {stem} replaces it")
    return target
