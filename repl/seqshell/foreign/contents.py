"""What a file of another program contains, as lines of a tree: objects, containers, tensors with their shapes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from seqshell.core.errors import CheckpointError
from seqshell.core.json_values import parsed
from seqshell.core.named_files import opened, read_bytes
from seqshell.core.text_output import counted, quoted
from seqshell.foreign.calls import StoredArray
from seqshell.foreign.recognition import ForeignFile
from seqshell.foreign.records import Record
from seqshell.foreign.torch_files import StoredTensor, read_torch

MAX_DEPTH = 8
MAX_LINES = 200
MAX_PARTS = 60  # of one object or container
SHOWN = 4  # values of a list of plain ones
MAX_JSON = 100_000_000  # bytes
# Fields of torch's modules that say nothing about the model, beside their parts.
OF_MODULES = ("_parameters", "_buffers", "_modules")
HIDDEN = ("training", "_flat_weights_names", "_all_weights", "_flat_weights", "call_super_init")


def tree_of(path: Path, found: ForeignFile) -> list[str]:
    """The lines of the tree of a file that `found` describes; none if its content cannot be shown.

    Raises CheckpointError if the content cannot be read.
    """
    value = _content(path, found)
    if value is None:
        return []
    lines = list(islice(_lines("", value, 0, frozenset()), MAX_LINES + 1))
    return lines if len(lines) <= MAX_LINES else [*lines[:MAX_LINES], "..."]


def _content(path: Path, found: ForeignFile) -> Any:
    """What the file contains; None if that is not read here."""
    if found.is_torch:
        return read_torch(path)
    if found.kind in ("safetensors", "transformer"):
        with opened(path, error=CheckpointError) as file:
            header = parsed(file.read(int.from_bytes(file.read(8), "little")))
        return {name: _Shape(entry) for name, entry in header.items()}
    if found.kind == "arrays":
        from seqshell.foreign.numpy_files import read_npz

        return read_npz(path)
    if path.suffix == ".json":
        try:
            return parsed(read_bytes(path, error=CheckpointError, most=MAX_JSON))
        except ValueError as error:
            raise CheckpointError(f"{path.name} is not JSON: {str(error)[:100]}") from None
    return None


class _Shape:
    """A tensor in the header of a safetensors file."""

    def __init__(self, entry: Any) -> None:
        known = isinstance(entry, Mapping) and "shape" in entry
        self._text = f"{entry['dtype']} {entry['shape']}" if known else quoted(entry)

    def __repr__(self) -> str:
        return self._text


def _lines(name: str, value: Any, depth: int, above: frozenset[int]) -> Iterator[str]:
    """Yield the line of a value, and those of its parts."""
    indent, label = "  " * depth, f"{name}: " if name else ""
    parts = _parts(value)
    if parts is None:
        yield f"{indent}{label}{_plain(value)}"
        return
    yield f"{indent}{label}{_kind(value)}"
    if id(value) in above or depth == MAX_DEPTH:
        yield f"{indent}  ..."
        return
    for key, part in parts[:MAX_PARTS]:
        yield from _lines(key, part, depth + 1, above | {id(value)})
    if len(parts) > MAX_PARTS:
        yield f"{indent}  ... and {counted(len(parts) - MAX_PARTS, 'more part')}"


def _parts(value: Any) -> list[tuple[str, Any]] | None:
    """The parts of an object or a container; None if it is shown in one line."""
    if isinstance(value, Record):
        groups = (value.fields.get(name) for name in OF_MODULES)
        inner = [pair for group in groups if isinstance(group, Mapping) for pair in group.items()]
        own = [
            (name, field)
            for name, field in value.fields.items()
            if name not in HIDDEN and name not in OF_MODULES and not name.endswith("_hooks") and field is not None
        ]
        own = [pair for pair in own if not (pair[0].startswith("_") and not pair[1])]
        pairs = [*own, *inner, *value.entries.items(), *enumerate(value.items)]
        return [(str(key)[:60], part) for key, part in pairs if part is not None] or None
    if isinstance(value, Mapping) and not all(map(_is_plain, value.values())):
        return [(str(key)[:60], part) for key, part in value.items()]
    if isinstance(value, list | tuple) and not all(map(_is_plain, value)):
        return [(str(number), part) for number, part in enumerate(value)]
    return None


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | bytes | int | float) or value is None


def _kind(value: Any) -> str:
    return str(value.cls) if isinstance(value, Record) else type(value).__name__


def _plain(value: Any) -> str:
    """One line for a value: a text, a number, a tensor, or a container of the first two."""
    if isinstance(value, Mapping):
        shown = ", ".join(f"{quoted(key)}: {quoted(each)}" for key, each in islice(value.items(), SHOWN))
        entries = "1 entry" if len(value) == 1 else f"{len(value):,} entries"
        return f"{{{shown}{', ...' if len(value) > SHOWN else ''}}} ({entries})"
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        shown = ", ".join(map(quoted, value[:SHOWN]))
        return f"[{shown}{', ...' if len(value) > SHOWN else ''}] ({counted(len(value), 'value')})"
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        return f"{value.dtype} {list(value.shape)}"
    if isinstance(value, Record | _Shape | StoredTensor | StoredArray):
        return repr(value).strip("<>")
    return quoted(value)
