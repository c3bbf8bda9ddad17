"""Damage to files: random changes of bytes, of JSON, and of the tensors and the header of a checkpoint."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

# Values that no author of a file would write.
HOSTILE: tuple[Any, ...] = (
    None, True, False, -1, 0, 1, 2, 3, 7, 64, 65, 1000, 2**24, 2**28, 2**31 - 1, 2**31, 2**40, 2**63, 2**64, 10**30,
    -(2**63), 0.5, -0.0, 1e-320, 1e308, "", " ", "x", "x" * 1000, "a\nb", "\x1b[31m", "\x00", "\ud800", "é", "🂡" * 300,
    "../../x", "1e5", "nan", [], {}, [[]], [1], ["x"], {"x": 1}, [None] * 5,
)  # fmt: skip
DTYPES = {
    "BOOL": 1, "U8": 1, "I8": 1, "U16": 2, "I16": 2, "F16": 2, "U32": 4, "I32": 4, "F32": 4, "U64": 8, "I64": 8,
    "F64": 8, "BF16": 2, "F8_E4M3": 1,
}  # fmt: skip
NUMPY = {"F16": np.float16, "F32": np.float32, "F64": np.float64, "I32": np.int32, "I64": np.int64, "U8": np.uint8}


@dataclass
class Tensor:
    """A tensor of a file: its dtype as safetensors calls it, its shape, and its data."""

    dtype: str
    shape: list[int]
    data: bytes


@dataclass
class Contents:
    """The parts of a safetensors file.

    header: the JSON text under `key` in its metadata, as an object. others: the rest of the metadata.
    """

    key: str
    header: Any
    tensors: dict[str, Tensor] = field(default_factory=dict)
    others: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, data: bytes) -> Contents:
        """Take a file apart."""
        length = int.from_bytes(data[:8], "little")
        outer = json.loads(data[8 : 8 + length])
        metadata = outer.pop("__metadata__")
        key, text = next((key, text) for key, text in metadata.items() if text.startswith("{"))
        body = memoryview(data)[8 + length :]
        tensors = {
            name: Tensor(each["dtype"], each["shape"], bytes(body[slice(*each["data_offsets"])]))
            for name, each in outer.items()
        }
        return cls(key, json.loads(text), tensors, {name: each for name, each in metadata.items() if name != key})

    def to_bytes(self) -> bytes:
        """Put the file together; NaN and lone surrogates in the header are written as JSON allows."""
        outer: dict[str, Any] = {"__metadata__": {**self.others, self.key: json.dumps(self.header)}}
        position = 0
        for name, tensor in self.tensors.items():
            end = position + len(tensor.data)
            outer[name] = {"dtype": tensor.dtype, "shape": tensor.shape, "data_offsets": [position, end]}
            position = end
        text = json.dumps(outer).encode()
        return len(text).to_bytes(8, "little") + text + b"".join(tensor.data for tensor in self.tensors.values())


def damage_bytes(draws: random.Random, data: bytes) -> tuple[bytes, str]:
    """Change some bytes of a file. Returns the new file, and what was done."""
    changed = bytearray(data)
    size = max(1, len(data))
    # Half of the changes hit the beginning, where a file says what it is.
    place = draws.randrange(min(size, 4096) if draws.random() < 0.5 else size)
    length = min(size, draws.choice((1, 1, 2, 4, 8, 64, 1000)))
    kind = draws.choice(("flip", "random", "zero", "ones", "cut", "insert", "delete", "repeat", "text", "empty"))
    if kind == "flip":
        for _ in range(length):
            changed[draws.randrange(size) if length > 4 else place :][:1] = b""
            changed[place : place + 1] = bytes([(data[place] if place < len(data) else 0) ^ (1 << draws.randrange(8))])
    elif kind == "random":
        changed[place : place + length] = draws.randbytes(length)
    elif kind in ("zero", "ones"):
        changed[place : place + length] = (b"\0" if kind == "zero" else b"\xff") * length
    elif kind == "cut":
        del changed[place:]
    elif kind == "insert":
        changed[place:place] = draws.randbytes(length)
    elif kind == "delete":
        del changed[place : place + length]
    elif kind == "repeat":
        changed[place:place] = data[place : place + length] * draws.choice((1, 2, 100))
    elif kind == "text":
        text = draws.choice(HOSTILE)
        changed[place : place + length] = str(text).encode("utf-8", "surrogatepass")
    else:
        changed = bytearray(draws.choice((b"", b"\0", b"\n", b"{}", b"\xef\xbb\xbf", data[:8])))
    return bytes(changed), f"{kind} {length} bytes at {place} of {len(data)}"


def damage_json(draws: random.Random, value: Any) -> tuple[Any, str]:
    """Change one value, key or item inside a JSON value. Returns the new value, and what was done."""
    value = copy.deepcopy(value)
    container, steps = value, []
    while isinstance(container, dict | list) and container:
        key = draws.choice(list(container)) if isinstance(container, dict) else draws.randrange(len(container))
        steps.append(str(key)[:40])
        inner = container[key]
        if not isinstance(inner, dict | list) or not inner or draws.random() < 0.25:
            break
        container = inner
    else:
        return draws.choice(HOSTILE), "the whole value"
    # Most kinds leave a valid file, so that what is behind the first check is reached.
    kinds = "replace", "like", "delete", "copy", "rename", "swap", "deep", "nan"
    kind = draws.choices(kinds, (6, 8, 2, 2, 2, 3, 1, 1))[0]
    if kind == "delete":
        del container[key]
    elif kind == "copy" and isinstance(container, list):
        container.insert(key, inner)
    elif kind in ("copy", "rename") and isinstance(container, dict):
        other = draws.choice(("x", "name", "", "y" * 300, "a\nb", "\x1b[31m", *container))
        container[other] = container.pop(key) if kind == "rename" else inner
    elif kind == "swap":
        other = draws.choice(list(container)) if isinstance(container, dict) else draws.randrange(len(container))
        container[key], container[other] = container[other], container[key]
    elif kind == "deep":
        for _ in range(draws.choice((1, 3, 40))):
            inner = [inner]
        container[key] = inner
    elif kind == "nan":
        container[key] = draws.choice((float("nan"), float("inf"), -float("inf")))
    elif kind == "like":
        container[key] = _like(draws, inner)
    else:
        container[key] = draws.choice(HOSTILE)
    return value, f"{kind} {'.'.join(steps)}: {container.get(key) if isinstance(container, dict) else ''!r:.60}"


def _like(draws: random.Random, value: Any) -> Any:
    """Another value of the same type, not far away."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + draws.choice((-1, 1, 10, -10, value, 1000))
    if isinstance(value, float):
        return value * draws.choice((-1, 0, 1e10, 1e300))
    if isinstance(value, str):
        place = draws.randrange(len(value) + 1)
        return value[:place] + draws.choice(("", "x", " ", "\n", value)) + value[place + draws.randrange(2) :]
    if isinstance(value, list):
        return value * 2 if draws.random() < 0.5 else value[::-1]
    return draws.choice(HOSTILE)


def damage_tensor(draws: random.Random, contents: Contents) -> str:
    """Change one tensor of a file in place. Returns what was done."""
    tensors = contents.tensors
    name = draws.choice(list(tensors))
    tensor = tensors[name]
    if draws.random() < 0.7 and tensor.dtype in NUMPY and tensor.data:
        return f"{_damage_values(draws, tensor)} in {name}"
    kind = draws.choice(("dtype", "shape", "drop", "rename", "extra", "empty", "cast", "large", "claim"))
    if kind == "dtype":
        dtype = draws.choice([each for each in DTYPES if len(tensor.data) % DTYPES[each] == 0])
        tensor.dtype, tensor.shape = dtype, _reshaped(tensor, DTYPES[dtype])
    elif kind == "shape":
        size = DTYPES[tensor.dtype]
        tensor.shape = draws.choice(
            (tensor.shape[::-1], [len(tensor.data) // size], [*tensor.shape, 1], [1, *tensor.shape])
        )
    elif kind == "drop":
        del tensors[name]
    elif kind == "rename":
        tensors[draws.choice(("x", "y" * 128, "y" * 300, "a\nb", "\x1b[31m", name + ".x", ""))] = tensors.pop(name)
    elif kind == "extra":
        tensors[name + draws.choice((".x", "2", "y" * 100))] = copy.copy(tensor)
    elif kind == "empty":
        tensor.shape, tensor.data = [0, *tensor.shape[1:]], b""
    elif kind == "cast" and tensor.dtype in NUMPY:
        dtype = draws.choice([each for each in NUMPY if each != tensor.dtype])
        with np.errstate(all="ignore"):
            tensor.data = np.frombuffer(tensor.data, NUMPY[tensor.dtype]).astype(NUMPY[dtype]).tobytes()
        tensor.dtype = dtype
    elif kind == "large":
        times = draws.choice((2, 3, 17))
        tensor.shape = [times * tensor.shape[0], *tensor.shape[1:]] if tensor.shape else [times]
        tensor.data *= times
    else:
        tensor.shape = [draws.choice((2**31, 2**47, 2**62, 0)), *tensor.shape[1:]]
    return f"{kind} of {name[:40]}: {tensor.dtype} {tensor.shape}"


def _reshaped(tensor: Tensor, size: int) -> list[int]:
    """The shape for elements of another size: as before if they fit, else a vector."""
    same = DTYPES[tensor.dtype] == size
    return tensor.shape if same else [len(tensor.data) // size]


def _damage_values(draws: random.Random, tensor: Tensor) -> str:
    values = np.frombuffer(tensor.data, NUMPY[tensor.dtype]).copy()
    count = draws.choice((1, 1, 3, values.size))
    places = [draws.randrange(values.size) for _ in range(count)] if count < values.size else slice(None)
    if values.dtype.kind == "f":
        limit = float(np.finfo(values.dtype).max)
        value = draws.choice((float("nan"), float("inf"), -float("inf"), limit, -limit, 1e4, -1e4, 1e-30, 0.0))
    else:
        info = np.iinfo(values.dtype)
        small = max(info.min, -1), 0, 1, 2, 3, 5, 8
        value = draws.choice((*small, *small, info.min, info.max, 100, 255))
    values[places] = value
    tensor.data = values.tobytes()
    return f"{count} values {value}"


def damage_config(draws: random.Random, contents: Contents) -> str:
    """Change one to three settings of a model's config in place. Returns what was done."""
    config = contents.header["config"]
    done = []
    for _ in range(draws.choice((1, 1, 2, 3))):
        key = draws.choice([*config, "vocab_size", "hidden_size", "order", "x"])
        config[key] = _like(draws, config.get(key, 1)) if draws.random() < 0.4 else draws.choice(HOSTILE)
        done.append(f"{key}={config[key]!r:.40}")
    return "config " + ", ".join(done)


def splice(draws: random.Random, contents: Contents, other: Contents) -> str:
    """Take parts of another file in place. Returns what was done."""
    kind = draws.choice(("all tensors", "some tensors", "header", "parts of the header"))
    if kind == "all tensors":
        contents.tensors = other.tensors
    elif kind == "some tensors":
        contents.tensors.update({name: each for name, each in other.tensors.items() if draws.random() < 0.5})
    elif kind == "header":
        contents.header = other.header
    else:
        contents.header.update({key: each for key, each in other.header.items() if draws.random() < 0.3})
    return f"{kind} of another file"


def damaged(draws: random.Random, original: bytes, others: Mapping[str, bytes]) -> tuple[bytes, str]:
    """A damaged version of a checkpoint or saved session, and what was done. others: files to take parts of."""
    done: list[str] = []
    data = original
    if draws.random() < 0.9:
        contents = Contents.of(original)
        contents.others.clear()  # a checksum would reveal every change
        for _ in range(draws.choice((1, 1, 1, 2, 4))):
            done.append(draws.choice(_changes(contents, others))(draws, contents))
            if not isinstance(contents.header, dict) or not contents.tensors:
                break
        data = contents.to_bytes()
    if not done or draws.random() < 0.1:
        for _ in range(draws.choice((1, 1, 3))):
            data, change = damage_bytes(draws, data)
            done.append(change)
    return data, "; ".join(done)


def _is_json(data: bytes) -> bool:
    try:
        return data[:1] in (b"[", b"{") and bool(json.loads(data))
    except ValueError:
        return False


def _changes(contents: Contents, others: Mapping[str, bytes]) -> Sequence[Callable[[random.Random, Contents], str]]:
    def of_header(draws: random.Random, contents: Contents) -> str:
        contents.header, change = damage_json(draws, contents.header)
        return f"header {change}"

    def of_part(draws: random.Random, contents: Contents) -> str:
        parts = [key for key, value in contents.header.items() if isinstance(value, dict | list) and value]
        if not parts:
            return of_header(draws, contents)
        part = draws.choice(parts)
        contents.header[part], change = damage_json(draws, contents.header[part])
        return f"{part} {change}"

    def of_document(draws: random.Random, contents: Contents) -> str:
        """A tensor with JSON in it."""
        names = [name for name, each in contents.tensors.items() if _is_json(each.data)]
        if not names:
            return damage_tensor(draws, contents)
        tensor = contents.tensors[draws.choice(names)]
        value, change = damage_json(draws, json.loads(tensor.data))
        tensor.data = json.dumps(value).encode()
        tensor.shape = [len(tensor.data)]
        return f"JSON {change}"

    def from_other(draws: random.Random, contents: Contents) -> str:
        name = draws.choice(list(others))
        return f"{splice(draws, contents, Contents.of(others[name]))} ({name})"

    is_model = isinstance(contents.header.get("config"), dict)
    return [of_header, of_part, damage_tensor, damage_config if is_model else of_document, from_other, damage_tensor]
