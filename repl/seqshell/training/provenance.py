"""Read what a checkpoint records about its training.

A file from elsewhere may record nothing, or something malformed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seqshell.core.errors import UsageError
from seqshell.core.model import Model
from seqshell.training.data.file_format import FileFormat, PairFormat
from seqshell.training.recipes.from_parent import recorded_recipe


def provenance(model: Model, key: str) -> Mapping[str, Any]:
    """The table "data" or "split" of the provenance; empty if it is missing or not a table."""
    whole = model.header.get("provenance")
    part = whole.get(key) if isinstance(whole, Mapping) else None
    return part if isinstance(part, Mapping) else {}


def held_out_share(model: Model, name: str, digest: str) -> float:
    """The share of a model's own data that its training held out. name, digest: of the data that is to be divided.

    UsageError if none was held out, or if the model was trained on other data.
    """
    seen = provenance(model, "data")
    share = seen.get("held_out")
    if isinstance(share, bool) or not isinstance(share, float) or not 0 < share < 1:
        raise UsageError(
            f"--held-out: no part of the data was held out when {model.name} was trained; evaluate it on other data"
        )
    if seen.get("sha256") != digest:
        other = f"was trained on other data, {seen.get('name')}, or {name} has changed since"
        raise UsageError(f"--held-out: {model.name} {other}")
    return share


def recorded_settings(model: Model) -> Mapping[str, Any]:
    """The settings of [data] in the recipe of a checkpoint; empty if there are none."""
    data = recorded_recipe(model.header).get("data", {})
    return data if isinstance(data, Mapping) else {}


def recorded_texts(model: Model, keys: tuple[str, ...]) -> dict[str, str]:
    """The settings of [data] in the recipe of a checkpoint that are texts, by these keys; without those it lacks."""
    data = recorded_settings(model)
    return {key: data[key] for key in keys if isinstance(data.get(key), str)}


def file_format(model: Model) -> FileFormat:
    """How the files of the training were written; for other files the encoding is used if they are not UTF-8."""
    found = recorded_texts(model, ("encoding", "header"))
    return FileFormat("", found.get("header", "auto"), found.get("encoding", ""), "")


def pair_format(model: Model) -> PairFormat:
    """The same for pairs, with their columns."""
    found = recorded_texts(model, ("source_column", "target_column"))
    return PairFormat(file_format(model), found.get("source_column", ""), found.get("target_column", ""))
