"""Average the weights of checkpoints of one architecture, config and vocabulary.

Weights that were trained from one beginning, such as epochs or children of one parent, average well (Izmailov et al.
2018, https://arxiv.org/abs/1803.05407; Wortsman et al. 2022, https://arxiv.org/abs/2203.05482); others do not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqshell.core import paths
from seqshell.core.errors import CheckpointError, UsageError
from seqshell.host import Registry
from seqshell.models import file
from seqshell.models.building import read_config
from seqshell.models.ownership import find_architecture

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Weights = dict[str, NDArray[Any]]

# What must be the same, and how it is called.
SAME: Mapping[str, str] = {
    "task": "task",
    "architecture": "architecture",
    "config": "config",
    "tokenizer": "vocabulary",
    "source_tokenizer": "source vocabulary",
    "labels": "labels",
    "series": "series",
}
KEPT = ("data", "split", "recipe")  # of the provenance of the first model


def average_models(words: Sequence[str], registry: Registry, out: str) -> Path:
    """Write the mean of the weights of checkpoints, given by name or path; returns the path.

    Weights that all of them store in float16 are stored so, all others in float32.

    Raises UsageError for fewer than two, and CheckpointError if they do not fit together, if their architecture is
    missing, or if the file cannot be written.
    """
    if len(words) < 2:
        raise UsageError("average takes two models or more, as in seqshell average MODEL MODEL -o NAME")
    found = [paths.find_checkpoint(word, registry.checkpoint_folders) for word in words]
    first, header, same, total = found[0], dict[str, Any](), dict[str, Any](), dict[str, Any]()
    prints: list[dict[str, str]] = []
    for path, word in zip(found, words, strict=True):
        own, weights = file.read(path)
        file.require_kind(own, "model", path, word)
        compared = {**own, "config": _config(own, registry, path)}
        if header:
            _check(same, total, compared, weights, first, path)
        else:
            header, same, total = (
                own,
                compared,
                {name: values.astype(_wide(values)) for name, values in weights.items()},
            )
        if prints:
            for name, values in weights.items():
                if values.dtype.kind == "f":
                    total[name] += values
        prints.append({"name": path.name.removesuffix(paths.ENDING), "fingerprint": file.fingerprint(own, weights)})
    stored = [file.read_types(path) for path in found]
    halves = {name for name in total if all(types[name][0] == "F16" for types in stored)}
    means = {
        name: (values / len(found)).astype("float16" if name in halves else "float32")
        if values.dtype.kind == "f"
        else values
        for name, values in total.items()
    }
    recorded = header.get("provenance", {})
    kept = {key: recorded[key] for key in KEPT if key in recorded}
    target = paths.output_path(out, "models")
    file.write(target, {**header, "provenance": {**kept, "averaged": prints}}, means)
    return target


def _config(header: Mapping[str, Any], registry: Registry, path: Path) -> Any:
    """The config with the defaults of the settings that the file lacks, as it was before the architecture had them."""
    architecture = find_architecture(header, registry, path.name)[1]
    try:
        return read_config(architecture, header["config"])
    except CheckpointError as error:
        raise CheckpointError(f"{path.name}: {error.message}", hint=error.hint) from None


def _wide(values: NDArray[Any]) -> Any:
    """The type in which weights are added up."""
    return "float64" if values.dtype.kind == "f" else values.dtype


def _check(
    header: Mapping[str, Any], total: Weights, other: Mapping[str, Any], weights: Weights, first: Path, path: Path
) -> None:
    """Raise CheckpointError unless a model can be averaged with the first one."""
    for key, name in SAME.items():
        if header.get(key) != other.get(key):
            raise CheckpointError(f"{path.name} has another {name} than {first.name}, so they have no average")
    for name in sorted(total.keys() | weights.keys()):
        one, values = total.get(name), weights.get(name)
        if one is None or values is None or one.shape != values.shape:
            raise CheckpointError(f"{path.name} has other weights than {first.name}: {name}")
        if values.dtype.kind != "f" and (one != values).any():
            raise CheckpointError(f"{path.name} and {first.name} differ in {name}, whole numbers that have no average")
