"""What a pickle may call: the constructors of containers, numbers and arrays. None of them runs code of the file."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqshell.foreign.records import Name, Record

LATIN = ("latin1", "latin-1")
DTYPE = re.compile(r"[<|>=]?([biufcSUV?]\d{0,6})")
OBJECT_CODES = ("O", "|O", "O4", "O8")
MAX_DIMENSIONS = 32


def ordered(pairs: Any = ()) -> dict[Any, Any]:
    """A dict, of the pairs of another program's ordered one."""
    if isinstance(pairs, dict):
        return pairs
    return {key: value for key, value in pairs if not isinstance(key, tuple)}


def default_dict(factory: Any = None, pairs: Any = ()) -> dict[Any, Any]:
    """A dict without its default."""
    return ordered(pairs)


def sequence(values: Any = (), limit: Any = None) -> list[Any]:
    """A list."""
    return list(_container(values))


def texts(values: Any = ()) -> set[Any]:
    """A set of texts and numbers."""
    return {value for value in _container(values) if not isinstance(value, tuple)}


def encoded(text: str, encoding: str = "latin1") -> bytes:
    """The bytes that a pickle of protocol 2 writes as a text."""
    if encoding not in LATIN:
        raise ValueError(f"bytes as {encoding}")
    return text.encode("latin-1")


def byte_array(data: Any = b"", encoding: str = "latin1") -> bytes:
    """The bytes of a bytearray."""
    return encoded(data, encoding) if isinstance(data, str) else bytes(_container(data, bytes | bytearray | list))


def restored(cls: Name, base: Name, state: Any = None) -> Record:
    """An object, before its attributes are set."""
    return Record(cls, () if state is None else (state,))


def attribute(owner: Any, name: Any) -> Name:
    """The name of a method of a class, or of a class in a class."""
    if not isinstance(owner, Name) or not isinstance(name, str):
        raise ValueError("an attribute of something else")
    return Name(str(owner), name)


class Objects:
    """The format of an array whose values are objects."""


OBJECTS = Objects()


def dtype(code: str, align: Any = False, copy: Any = True) -> np.dtype[Any] | Objects:
    """A number format of numpy, or that of objects."""
    if isinstance(code, str) and code in OBJECT_CODES:
        return OBJECTS
    if not isinstance(code, str) or not DTYPE.fullmatch(code):
        raise ValueError(f"numbers of the format {code!r:.20}")
    return np.dtype(code)


class StoredArray:
    """An array of numpy in a pickle; `numpy` returns it. values: those of an array of objects, in their order."""

    def __init__(self, numbers: NDArray[Any]) -> None:
        self._numbers = numbers
        self.values: list[Any] | None = None

    def __repr__(self) -> str:
        return f"<{self.kind} {list(self.shape)}>"

    @property
    def shape(self) -> tuple[int, ...]:
        """Its sizes; the number of values of an array of objects."""
        return self._numbers.shape if self.values is None else (len(self.values),)

    @property
    def kind(self) -> str:
        """The format of its numbers, such as float32."""
        return self._numbers.dtype.name if self.values is None else "object"

    @property
    def is_float(self) -> bool:
        """Whether its numbers are floats."""
        return self.values is None and self._numbers.dtype.kind == "f"

    def numpy(self) -> NDArray[Any]:
        """The array itself; empty if its values are objects."""
        return self._numbers

    def restore(self, state: Any) -> None:
        """Take its shape, its format and its bytes."""
        *_, shape, number_format, is_fortran, data = state
        if number_format is OBJECTS and isinstance(data, list):
            self.values = data
        else:
            self._numbers = _array(shape, number_format, data, is_fortran)


def empty_array(cls: Name, shape: Any = (0,), code: Any = b"b") -> StoredArray:
    """An array, before its numbers are set."""
    return StoredArray(np.zeros(0))


def from_buffer(data: Any, number_format: Any, shape: Any, order: Any = "C") -> StoredArray:
    """An array that protocol 5 writes."""
    return StoredArray(_array(shape, number_format, data, order == "F"))


def scalar(number_format: Any, data: Any) -> Any:
    """A number of numpy, as one of Python."""
    return _array((), number_format, data, False).item()


def _array(shape: Any, number_format: Any, data: Any, is_fortran: Any) -> NDArray[Any]:
    if isinstance(data, str):  # of Python 2
        data = data.encode("latin-1")
    if not isinstance(number_format, np.dtype) or not isinstance(data, bytes | bytearray):
        raise ValueError("an array of objects")
    sizes = tuple(shape)
    if len(sizes) > MAX_DIMENSIONS or any(type(size) is not int or size < 0 for size in sizes):
        raise ValueError("an array of another shape")
    if math.prod(sizes) * number_format.itemsize != len(data):
        raise ValueError(f"an array {list(sizes)} with {len(data):,} bytes")
    found = np.frombuffer(data, number_format) if data else np.zeros(0, number_format)
    return found.reshape(sizes, order="F" if is_fortran else "C")


def _container(values: Any, kinds: Any = list | tuple | set | frozenset | dict) -> Any:
    if not isinstance(values, kinds):
        raise ValueError("a container of something else")
    return values


def _of_numpy(name: str, call: Callable[..., Any]) -> dict[str, Callable[..., Any]]:
    """numpy 1 and 2 have other names for the same functions."""
    return {f"numpy.{core}.{name}": call for core in ("core", "_core")}


def restore(made: Any, state: Any) -> None:
    """Set the state of what a call has returned. Attributes of containers and tensors have no meaning here."""
    if isinstance(made, StoredArray):
        made.restore(state)
    elif isinstance(made, np.dtype) and (not isinstance(state, tuple) or state[1:2] not in (("<",), ("|",), ("=",))):
        raise ValueError("numbers in another byte order")


BUILTINS: Mapping[str, Callable[..., Any]] = {
    "set": texts,
    "frozenset": texts,
    "list": sequence,
    "tuple": sequence,
    "dict": ordered,
    "bytearray": byte_array,
    "complex": complex,
    "getattr": attribute,
}
CALLS: Mapping[str, Callable[..., Any]] = {
    "collections.OrderedDict": ordered,
    "collections.defaultdict": default_dict,
    "collections.Counter": ordered,
    "collections.deque": sequence,
    "_codecs.encode": encoded,
    "numpy.dtype": dtype,
    **_of_numpy("multiarray._reconstruct", empty_array),
    **_of_numpy("multiarray.scalar", scalar),
    **_of_numpy("numeric._frombuffer", from_buffer),
    **{f"{module}._reconstructor": restored for module in ("copyreg", "copy_reg")},
    **{f"{module}.{name}": call for module in ("builtins", "__builtin__") for name, call in BUILTINS.items()},
}
