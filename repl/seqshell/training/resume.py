"""The format of the resume file: tensors in safetensors, everything else as JSON in its header; never pickle."""

from __future__ import annotations

import hashlib
import json
import math
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from seqshell.core import paths
from seqshell.core.atomic_write import write_atomically
from seqshell.core.errors import RecipeError
from seqshell.training.resume_checks import Damage, check_moments
from seqshell.training.weight_update import Optimizer

Tensors = dict[str, Tensor]
RECORD, CHECKSUM = "seqshell-resume", "sha256"  # in the metadata of safetensors


def write_resume(path: Path, record: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Write both in one file, so that they cannot disagree. A crash leaves either the old file or the new one."""
    # Clones, because tied weights share memory, which safetensors refuses.
    parts = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()}
    text = json.dumps(record)
    write_atomically(path, save(parts, {RECORD: text, CHECKSUM: checksum(text, parts)}))


def read_resume(path: Path) -> tuple[dict[str, Any], Tensors]:
    """The record and tensors of `write_resume`. Raises RecipeError if the file is missing or damaged."""
    if not path.exists():
        raise RecipeError(f"nothing to resume: {path} does not exist; omit --resume to start over")
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # it is no mapping
        text = metadata[RECORD]
        record = json.loads(text)
        is_changed = CHECKSUM in metadata and metadata[CHECKSUM] != checksum(text, tensors)
        if is_changed or not isinstance(record, dict):  # earlier versions wrote no checksum
            raise ValueError("its checksum is wrong")
    except OSError as error:
        raise damaged(path, f"it cannot be read: {error.strerror or 'the file is damaged'}") from None
    except (SafetensorError, KeyError, ValueError, RecursionError, RuntimeError):
        raise damaged(path) from None
    return record, tensors


def damaged(path: Path, reason: str = "it is damaged") -> RecipeError:
    """The error for a resume file that cannot be used, with what the user can do."""
    best = path.parent.with_suffix(paths.ENDING)
    hint = "omit --resume to start over"
    if best.is_file():
        hint += f", or replace it by --set training.parent={best} to start from the best weights"
    return RecipeError(f"cannot resume from {path}: {reason}", hint=hint)


def checksum(text: str, tensors: Mapping[str, Tensor]) -> str:
    """A hex digest of the record as text and the tensors."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass"))
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode("utf-8", "surrogatepass"))
        digest.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def under(prefix: str, tensors: Mapping[str, Tensor]) -> Tensors:
    """The tensors with `prefix.` before their names."""
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}


def within(prefix: str, tensors: Mapping[str, Tensor]) -> Tensors:
    """The tensors whose names begin with `prefix.`, without it."""
    return {
        name.removeprefix(prefix + "."): tensor for name, tensor in tensors.items() if name.startswith(prefix + ".")
    }


def optimizer_parts(optimizer: Optimizer) -> tuple[list[Any], Tensors]:
    """Split the optimizer's state into (the numbers of its groups for JSON, tensors named NUMBER.KEY)."""
    groups = [{key: value for key, value in group.items() if key != "params"} for group in optimizer.param_groups]
    tensors = {
        f"{number}.{key}": value
        for number, parameter in enumerate(optimizer.parameters)
        for key, value in optimizer.state.get(parameter, {}).items()
    }
    return groups, tensors


def restore_optimizer(optimizer: Optimizer, groups: list[Any], tensors: Mapping[str, Tensor]) -> None:
    """Undo optimizer_parts. Raises Damage if the tensors do not fit the optimizer.

    Of the groups, only the learning rate is taken: the rest follows from the recipe.
    """
    kept: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        number, _, key = name.partition(".")
        kept.setdefault(int(number), {})[key] = tensor
    check_moments(kept, optimizer)
    optimizer.restore(kept)
    for group, saved in zip(optimizer.param_groups, groups, strict=True):
        if not isinstance(saved["lr"], float) or not 0 <= saved["lr"] < math.inf:
            raise Damage("the learning rate of the optimizer is no number")
        group["lr"] = saved["lr"]


def randomness(device: torch.device) -> tuple[dict[str, Any], Tensors]:
    """The random states of Python, numpy and torch: a plugin's model may draw from any of them."""
    version, internal, gauss = random.getstate()
    name, keys, position, has_gauss, cached = np.random.get_state(legacy=True)
    record = {
        "python": [version, list(internal), gauss],
        "numpy": [name, np.asarray(keys).tolist(), position, has_gauss, cached],
    }
    tensors = {"torch": torch.get_rng_state()}
    if device.type == "cuda":
        tensors["cuda"] = torch.cuda.get_rng_state(device)
    return record, tensors


def restore_randomness(record: Mapping[str, Any], tensors: Mapping[str, Tensor], device: torch.device) -> None:
    """Undo `randomness`."""
    version, internal, gauss = record["python"]
    random.setstate((version, tuple(internal), gauss))
    name, keys, position, has_gauss, cached = record["numpy"]
    np.random.set_state((name, np.asarray(keys, np.uint32), position, has_gauss, cached))
    torch.set_rng_state(tensors["torch"])
    if device.type == "cuda" and "cuda" in tensors:
        torch.cuda.set_rng_state(tensors["cuda"], device)
