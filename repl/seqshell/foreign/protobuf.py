"""Messages of protocol buffers as bytes: the fields of a message by their numbers, without a description of it.

https://protobuf.dev/programming-guides/encoding. ONNX graphs are such messages.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Any

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5  # the kinds of fields
MAX_FIELDS = 1_000_000  # of a message
WIDEST = 1 << 64


def message(fields: Iterable[tuple[int, int | float | bytes | str]]) -> bytes:
    """A message of (number, value): an integer, a float of 32 bits, a text, or the bytes of another message."""
    parts: list[bytes] = []
    for number, value in fields:
        if isinstance(value, float):
            parts += (_varint(number << 3 | FIXED32), struct.pack("<f", value))
        elif isinstance(value, int):
            parts += (_varint(number << 3 | VARINT), _varint(value % WIDEST))
        else:
            data = value.encode("utf-8") if isinstance(value, str) else value
            parts += (_varint(number << 3 | BYTES), _varint(len(data)), data)
    return b"".join(parts)


def read_message(data: memoryview) -> dict[int, list[Any]]:
    """The values of each field of a message, in order: int, or memoryview of what is not an integer.

    Raises ValueError if it is no message.
    """
    fields: dict[int, list[Any]] = {}
    place = count = 0
    while place < len(data):
        key, place = _read_varint(data, place)
        number, kind = key >> 3, key & 7
        count += 1
        value: Any
        if kind == VARINT:
            value, place = _read_varint(data, place)
        else:
            if kind == BYTES:
                size, place = _read_varint(data, place)
            elif kind in (FIXED32, FIXED64):
                size = 4 if kind == FIXED32 else 8
            else:
                raise ValueError("a field of an unknown kind")
            value, place = data[place : place + size], place + size
        if place > len(data) or not number or count > MAX_FIELDS:
            raise ValueError("a damaged field")
        fields.setdefault(number, []).append(value)
    return fields


def read_integers(values: Iterable[Any]) -> list[int]:
    """The signed integers of a repeated field, packed or one by one."""
    found: list[int] = []
    for value in values:
        if isinstance(value, int):
            found.append(value)
            continue
        place = 0
        while place < len(value):
            each, place = _read_varint(value, place)
            found.append(each)
    return [each - WIDEST if each >= WIDEST >> 1 else each for each in found]


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*found, value))


def _read_varint(data: memoryview, place: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 64:
        if place >= len(data):
            raise ValueError("it ends within a field")
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value % WIDEST, place
        shift += 7
    raise ValueError("a number that is too long")
