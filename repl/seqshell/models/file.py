"""Read and write checkpoints: one .safetensors file with tensors and the JSON header that describes them. Never pickle.

The format is safetensors (https://github.com/huggingface/safetensors): the length of its header in 8 bytes,
little-endian; its header, a JSON object of name -> {"dtype", "shape", "data_offsets"}; the data. Our header is the JSON
text under "seqshell" in its "__metadata__":

    format 1 · kind "model", "session" or "state" · task · architecture, owner, owner_version, owner_distribution
    config · tokenizer {"name", ...} (of the output) · source_tokenizer (translate: of the input)
    tokenizer_owners (if they are from plugins) · labels (classify) · series (forecast)
    defaults · examples · about · provenance · parameters
    decoding_owners (of the samplers and the strategy in the defaults, if they are from plugins)
    runs_in_torch (why the architecture's decoder is not used, if it does not give the outputs of the module)

The file is untrusted. The library does not check the limits below, so it is not used for reading: memory is allocated
only for data that the file holds.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from seqshell.core.atomic_write import write_atomically
from seqshell.core.errors import CheckpointError, UnwritableError, UsageError
from seqshell.core.named_files import named_path, opened, shown_name
from seqshell.core.strict_json import read_object
from seqshell.core.text_output import brief, quoted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqshell.foreign.recognition import ForeignFile

FORMAT = 1
MAX_HEADER = 8_000_000  # bytes
MAX_TENSORS = 4096
MAX_DIMENSIONS = 8
TENSOR_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")

# The safetensors dtypes that a checkpoint may hold -> numpy's name and the bytes of one element.
DTYPES = {
    "BOOL": ("bool", 1), "U8": ("uint8", 1), "I8": ("int8", 1), "U16": ("uint16", 2), "I16": ("int16", 2),
    "U32": ("uint32", 4), "I32": ("int32", 4), "U64": ("uint64", 8), "I64": ("int64", 8),
    "F16": ("float16", 2), "F32": ("float32", 4), "F64": ("float64", 8),
}  # fmt: skip
# The kinds of files: what each is called, and what opens it.
KINDS = {
    "model": ("a model", "/load"),
    "session": ("a saved session", "/restore"),
    "state": ("a saved state", "/state load"),
}
# The required and the optional fields of a model's header. Of other kinds, only format and kind are checked here.
FIELDS: Mapping[str, type] = {"architecture": str, "task": str, "config": dict, "tokenizer": dict}
OPTIONAL: Mapping[str, type] = {
    "owner": str, "owner_version": str, "owner_distribution": str, "source_tokenizer": dict, "tokenizer_owners": dict,
    "series": dict, "defaults": dict, "examples": list, "about": str, "provenance": dict, "parameters": int,
    "decoding_owners": dict, "runs_in_torch": str,
}  # fmt: skip


@dataclass(frozen=True)
class _Entry:
    """A tensor in bytes [begin, end) of the data."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


def read_header(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint's header without its weights.

    Raises CheckpointError if the file is missing, damaged or of another format.
    """
    with _opened(Path(path)) as file:
        return _read_header(file, Path(path))[0]


def require_kind(header: Mapping[str, Any], kind: str, path: Path, word: str | Path) -> None:
    """CheckpointError if a file is of another kind, with the command that opens it. word: as the user wrote it."""
    if header["kind"] != kind:
        (found, opens), (wanted, _) = KINDS[header["kind"]], KINDS[kind]
        raise CheckpointError(f"{path.name} is {found}, not {wanted}", hint=f"{opens} {word}")


def read_types(path: str | Path) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Read the stored dtype, such as "F16", and the shape of each tensor, in file order, without the weights."""
    with _opened(Path(path)) as file:
        return {entry.name: (entry.dtype, entry.shape) for entry in _read_header(file, Path(path))[1]}


def read(path: str | Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Read a checkpoint's header and its tensors by name. float16 becomes float32; other dtypes are kept.

    Raises CheckpointError as `read_header` does, and if a weight of a model is NaN or infinite.
    """
    import numpy as np

    path = Path(path)
    with _opened(path) as file:
        header, entries = _read_header(file, path)
        tensors: dict[str, NDArray[Any]] = {}
        try:
            for entry in entries:  # in file order, without gaps
                dtype = np.dtype(DTYPES[entry.dtype][0]).newbyteorder("<")
                values = np.fromfile(file, dtype, count=math.prod(entry.shape)).reshape(entry.shape)
                tensors[entry.name] = values.astype(np.float32) if entry.dtype == "F16" else values
                if header["kind"] == "model":
                    _check_finite(entry.name, tensors[entry.name], path)
        except (MemoryError, ValueError, OSError):
            raise CheckpointError(
                f"cannot read {path.name} to the end: it needs {entries[-1].end:,} bytes of memory"
            ) from None
    return header, tensors


def write(path: str | Path, header: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> None:
    """Write a checkpoint. The dtypes of the tensors are kept. After a crash, either the old or the new file exists.

    Raises CheckpointError if `read` would refuse the content, and UnwritableError if the file cannot be written.
    """
    import numpy as np
    from safetensors.numpy import save

    from seqshell.models.source_record import forget_record  # readers do not wait for it

    path = Path(path)
    try:
        text = json.dumps({"format": FORMAT, **header}, allow_nan=False)
    except (ValueError, TypeError, RecursionError) as error:
        raise CheckpointError(f"{path.name}: the header is not plain JSON: {error}") from None
    for name, values in tensors.items():
        if values.dtype.name not in {known for known, _ in DTYPES.values()}:
            raise CheckpointError(
                f"{path.name}: the tensor {brief(name)} has the dtype {values.dtype}, which the format does not support"
            )
    data = save({name: np.asarray(values, order="C") for name, values in tensors.items()}, {"seqshell": text})
    length = int.from_bytes(data[:8], "little")
    parse_header(data[8 : 8 + length], len(data) - 8 - length, path)
    try:
        write_atomically(path, data)
        forget_record(path)
    except UsageError as error:
        raise UnwritableError(error.message, reason=error.message.rpartition(": ")[2]) from None


def fingerprint(header: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> str:
    """Return a hex digest of architecture, config, tokenizers, labels, series and weights, by which a saved session
    identifies its model.

    tensors: as `read` returns them. File names, examples and provenance do not change the digest.
    """
    import numpy as np

    digest = hashlib.sha256()
    described = {key: header.get(key) for key in ("architecture", "config", "tokenizer")}
    described |= {key: header[key] for key in ("source_tokenizer", "labels") if key in header}
    if "series" in header:
        described["series"] = {
            key: value for key, value in header["series"].items() if key not in ("example", "example_times")
        }
    digest.update(json.dumps(described, sort_keys=True).encode())
    for name in sorted(tensors):
        values = np.asarray(tensors[name], order="C")
        digest.update(f"{name} {values.dtype.name} {values.shape}".encode())
        digest.update(values.data if values.size else b"")
    return digest.hexdigest()


def _foreign(path: Path) -> ForeignFile:
    """What a file is that seqshell did not write."""
    from seqshell.foreign.recognition import recognise_file  # takes as long as reading a checkpoint

    return recognise_file(path)


def _opened(path: Path) -> AbstractContextManager[BinaryIO]:
    """Open the file, unless it is a folder or a special file."""
    path = named_path(path, error=CheckpointError)
    if path.is_dir():
        raise _foreign(path).error(path)
    if path.exists() and not path.is_file():
        raise CheckpointError(f"{shown_name(path)} is a special file, not a checkpoint")
    return opened(path, error=CheckpointError)


def _read_header(file: BinaryIO, path: Path) -> tuple[dict[str, Any], list[_Entry]]:
    size = os.fstat(file.fileno()).st_size
    start = file.read(8)
    length = int.from_bytes(start, "little")
    if len(start) < 8 or length > size - 8:
        raise _foreign(path).error(path)
    if length > MAX_HEADER:
        raise CheckpointError(f"{path.name}: the header has {length:,} bytes; at most {MAX_HEADER:,} are allowed")
    return parse_header(file.read(length), size - 8 - length, path)


def parse_header(raw: bytes, data_size: int, path: Path) -> tuple[dict[str, Any], list[_Entry]]:
    """Check everything, and return our header and the tensors in the order of their data.

    raw: the JSON of safetensors. data_size: the bytes after it. path: for messages.
    """
    if len(raw) > MAX_HEADER:
        raise CheckpointError(f"{path.name}: the header has {len(raw):,} bytes; at most {MAX_HEADER:,} are allowed")
    outer = _object(raw, path)
    metadata = outer.pop("__metadata__", {})
    text = metadata.get("seqshell") if isinstance(metadata, dict) else None
    if not isinstance(text, str):
        found = _foreign(path)
        raise (
            found.error(path)
            if found.kind != "checkpoint"
            else CheckpointError(
                f"{path.name} was not written by seqshell; save it with seqshell.save_checkpoint where it was created"
            )
        )
    header = _object(text, path)
    _check_header(header, path)
    if len(outer) > MAX_TENSORS:
        raise CheckpointError(f"{path.name} has {len(outer):,} tensors; at most {MAX_TENSORS:,} are allowed")
    entries = sorted(
        (_entry(name, value, path) for name, value in outer.items()), key=lambda entry: (entry.begin, entry.end)
    )
    position = 0
    for entry in entries:
        if entry.begin != position:
            raise CheckpointError(
                f"{path.name}: the tensor {brief(entry.name)} does not start where the previous one ends"
            )
        position = entry.end
    if position != data_size:
        raise CheckpointError(
            f"{path.name} is truncated or damaged: its tensors need {position:,} bytes, but it has {data_size:,}"
        )
    return header, entries


def _entry(name: str, value: Any, path: Path) -> _Entry:
    if not TENSOR_NAME.fullmatch(name):
        raise CheckpointError(f"{path.name}: invalid tensor name {quoted(name)}")
    shown = brief(name)
    if not isinstance(value, dict) or set(value) != {"dtype", "shape", "data_offsets"}:
        raise CheckpointError(f"{path.name}: the tensor {shown} is not described by dtype, shape and data_offsets")
    dtype, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise CheckpointError(
            f"{path.name}: the tensor {shown} has the unknown dtype {quoted(dtype)}; available: {', '.join(DTYPES)}"
        )
    if not _counts(shape) or len(shape) > MAX_DIMENSIONS:
        raise CheckpointError(
            f"{path.name}: the shape of the tensor {shown} must be at most {MAX_DIMENSIONS} whole numbers"
        )
    if not _counts(offsets) or len(offsets) != 2 or offsets[1] - offsets[0] != math.prod(shape) * DTYPES[dtype][1]:
        raise CheckpointError(f"{path.name}: the data_offsets of the tensor {shown} do not fit its shape")
    return _Entry(name, dtype, tuple(shape), *offsets)


def _check_finite(name: str, values: NDArray[Any], path: Path) -> None:
    import numpy as np

    if values.dtype.kind != "f":
        return
    with np.errstate(all="ignore"):
        if math.isfinite(values.sum()):  # the sum of finite numbers may overflow, but no other sum is finite
            return
    if number := int((~np.isfinite(values)).sum()):
        raise CheckpointError(
            f"{path.name} is damaged: {number:,} of the {values.size:,} numbers in the tensor {brief(name)} are NaN or "
            f"infinite",
            hint="copy, download or train it again",
        )


def _counts(values: Any) -> bool:
    return isinstance(values, list) and all(
        type(value) is int and 0 <= value < 2**48 for value in values
    )  # isinstance takes True for an int


def _check_header(header: dict[str, Any], path: Path) -> None:
    version = header.get("format")
    if type(version) is not int or version < 1:
        raise CheckpointError(f"{path.name}: the header has no format")
    if version > FORMAT:
        raise CheckpointError(
            f"{path.name} has format {brief(version)}, but this seqshell reads format {FORMAT}; "
            "a newer version opens it"
        )
    if header.get("kind") not in KINDS:
        raise CheckpointError(
            f"{path.name}: the header's kind must be model, session or state, not {quoted(header.get('kind'))}"
        )
    if header["kind"] == "model":
        for key, kind in FIELDS.items():
            if type(header.get(key)) is not kind:
                raise CheckpointError(f"{path.name}: {key!r} is missing from the header or has the wrong type")
        for key, kind in OPTIONAL.items():
            if key in header and type(header[key]) is not kind:
                raise CheckpointError(f"{path.name}: {key!r} in the header has the wrong type")


def _object(text: bytes | str, path: Path) -> dict[str, Any]:
    try:
        return read_object(text)
    except ValueError as error:
        raise CheckpointError(f"{path.name}: the header is not valid JSON: {error}") from None
