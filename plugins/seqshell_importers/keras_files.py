"""Files of Keras, read with h5py: the layers by name, with their settings and weights. Nothing of them is executed.

A .h5 of Keras 1 to 3 has the layers as JSON in an attribute; a .keras is a zip archive with config.json and
model.weights.h5. Links that lead out of the file are not followed.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np
from numpy.typing import NDArray

from seqshell import CheckpointError, UsageError
from seqshell.core.json_values import parsed
from seqshell.core.named_files import opened

MAX_CONFIG = 50_000_000  # bytes of the layers as JSON
MOST_TIMES = 10  # the size of what is unpacked, in that of the file: weights can hardly be compressed
FAULTS = (
    *(OSError, ValueError, TypeError, AttributeError, RuntimeError, LookupError, EOFError),
    *(zipfile.BadZipFile, zlib.error),
)
CONTAINERS = ("layers", "_layer_checkpoint_dependencies")  # of a .keras: today's, and that of the first versions
WHOLE = ("model_weights",)  # of a .h5 of a whole model
PARTS = {"Embedding": ("embeddings",), "Dense": ("kernel", "bias")}  # of a .keras, whose weights have numbers
RECURRENT = ("kernel", "recurrent_kernel", "bias")
Found = TypeVar("Found")


@dataclass(frozen=True)
class KerasLayer:
    """A layer: its class, such as LSTM, its name, its settings, and its weights, such as kernel or backward/kernel."""

    kind: str
    name: str
    config: Mapping[str, Any]
    weights: Mapping[str, NDArray[Any]]
    inputs: frozenset[str]  # the names of the layers that it reads; empty in a Sequential model


def read_keras(path: Path) -> list[KerasLayer]:
    """The layers of a file, in order. Raises a SeqshellError in one line."""
    return _read_with(_read, path)


def read_keras_weights(path: Path) -> dict[str, dict[str, NDArray[Any]]]:
    """The weights in a .h5 by the names of their layers and what they are, as in a KerasLayer; {} of a .keras.

    The file may have the whole model, or its weights alone. Raises a SeqshellError in one line.
    """
    return _read_with(_read_weights, path)


def _read_with(read: Callable[[BinaryIO, Any], Found], path: Path) -> Found:
    """What a function returns for a file and h5py. Raises a SeqshellError in one line."""
    try:
        import h5py
    except ImportError:
        raise UsageError(f"{path.name} is a model of Keras; to read it, pip install h5py") from None
    with opened(path, error=CheckpointError) as file:
        try:
            return read(file, h5py)
        except FAULTS as error:
            reason = " ".join(str(error).split())[:120] or type(error).__name__
            raise CheckpointError(f"{path.name} is not read: {reason}") from None


def _read_weights(file: BinaryIO, h5py: Any) -> dict[str, dict[str, NDArray[Any]]]:
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    if file.read(2) == b"PK":
        return {}
    layers: dict[str, dict[str, NDArray[Any]]] = {}
    with h5py.File(file, "r") as root:
        for path, array in _arrays(_folder(root, h5py, WHOLE) or root, size, h5py).items():
            layer, _, rest = path.partition("/")
            layers.setdefault(layer, {})[_part(rest, "Bidirectional" if "forward" in rest else "")] = array
    return layers


def _read(file: BinaryIO, h5py: Any) -> list[KerasLayer]:
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    is_archive = file.read(2) == b"PK"
    config, weights = _members(file, size) if is_archive else (None, file)
    with h5py.File(weights, "r") as root:
        if config is None:
            config = root.attrs.get("model_config")
            if config is None:
                raise ValueError("it has weights alone; save the whole model, with model.save(FILE)")
        folder = _folder(root, h5py, CONTAINERS if is_archive else WHOLE)
        if folder is None:
            raise ValueError("it has no weights of layers")
        return list(_layers(parsed(config), _arrays(folder, size, h5py), is_archive))


def _members(file: BinaryIO, size: int) -> tuple[bytes, BinaryIO]:
    with zipfile.ZipFile(file) as archive:
        infos = [archive.getinfo(name) for name in ("config.json", "model.weights.h5")]
        if sum(info.file_size for info in infos) > MOST_TIMES * size or infos[0].file_size > MAX_CONFIG:
            raise ValueError("its parts are much larger than the file")
        config, weights = map(archive.read, infos)
        return config, io.BytesIO(weights)


def _layers(config: Any, arrays: Mapping[str, NDArray[Any]], is_archive: bool) -> Iterator[KerasLayer]:
    """The layers of a model that is Sequential or functional."""
    settings = config["config"]
    described = settings if isinstance(settings, list) else settings["layers"]
    names = {str(each.get("name") or each["config"].get("name")) for each in described}
    counts: dict[str, int] = {}
    for each in described:
        kind, own = str(each["class_name"]), each["config"]
        name = str(each.get("name") or own.get("name"))
        folder = name
        if is_archive:  # folders are named after classes and counted
            folder = re.sub("([a-z])([A-Z])", r"\1_\2", re.sub("(.)([A-Z][a-z]+)", r"\1_\2", kind)).lower()
            counts[folder] = number = counts.get(folder, -1) + 1
            folder = f"{folder}_{number}" if number else folder
        found = {path[len(folder) + 1 :]: array for path, array in arrays.items() if path.startswith(f"{folder}/")}
        if kind in ("TimeDistributed", "Bidirectional"):
            inner = own["layer"]
            own = {**inner["config"], **{key: value for key, value in own.items() if key == "merge_mode"}}
            kind = f"{kind}({inner['class_name']})" if kind == "Bidirectional" else str(inner["class_name"])
        if not isinstance(own, Mapping):
            raise ValueError(f"the layer {name} has no settings")
        weights = {_part(path, kind): array for path, array in found.items()}
        inputs = frozenset(text for text in _texts(each.get("inbound_nodes")) if text in names)
        yield KerasLayer(kind, name, own, weights, inputs)


def _folder(root: Any, h5py: Any, names: tuple[str, ...]) -> Any:
    """The first of the folders that is there, by a hard link; None if none is."""
    return next((root[name] for name in names if isinstance(root.get(name, getlink=True), h5py.HardLink)), None)


def _arrays(folder: Any, size: int, h5py: Any) -> dict[str, NDArray[Any]]:
    """The arrays below a folder by their paths. Hard links alone are followed."""
    found: dict[str, NDArray[Any]] = {}
    room = size * MOST_TIMES

    def visit(path: str, item: Any) -> None:
        nonlocal room
        if not isinstance(item, h5py.Dataset) or item.dtype.kind != "f":
            return
        room -= item.nbytes
        if item.external or item.is_virtual:
            raise ValueError(f"the numbers of {path[:60]} are in another file")
        if item.nbytes > size * MOST_TIMES or room < 0:
            raise ValueError(f"its array {path[:60]} {list(item.shape)} is much larger than the file")
        found[path] = np.asarray(item[()], np.float32)

    folder.visititems(visit)
    return found


def _part(path: str, kind: str) -> str:
    """What a weight is by its path below the layer: kernel, recurrent_kernel, bias or embeddings."""
    direction = "backward/" if "backward" in path else "forward/" if kind.startswith("Bidirectional") else ""
    last = path.rpartition("/")[2].partition(":")[0]
    if last.isdecimal():
        parts = PARTS.get(kind, RECURRENT)
        last = parts[int(last)] if int(last) < len(parts) else last
    return direction + last


def _texts(value: Any) -> Iterator[str]:
    """All texts in JSON."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(each)
