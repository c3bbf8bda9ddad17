"""Tables in JSON: one object in each line, or an array of objects; their keys are the columns."""

from __future__ import annotations

from typing import Any

from seqshell.core.errors import RecipeError
from seqshell.core.json_values import parsed

ENDINGS = (".jsonl", ".ndjson", ".json")
WHAT = 'an object for each row, such as {"text": "good", "label": 1}'


def is_json(name: str) -> bool:
    """True for the name of a JSON file; .gz may follow the ending."""
    return name.lower().removesuffix(".gz").endswith(ENDINGS)


def read_json(name: str, text: str, above: int = 0) -> tuple[tuple[str, ...], list[tuple[str, ...]], list[int]]:
    """The columns, in the order in which they occur, the rows and their numbers: the lines, or the places in an array.

    A missing key and null are empty cells; numbers stay as they are written. above: lines before these.
    Raises RecipeError, with row and key, for what is no object of texts, numbers, true and false.
    """
    found = [(number, item) for number, item in _items(name, text, above) if item is not None]
    for number, item in found:
        if not isinstance(item, dict):
            raise RecipeError(f"{name}, row {number}: not an object; a table needs {WHAT}")
    columns = tuple(dict.fromkeys(key for _, item in found for key in item))
    rows = [tuple(_cell(name, number, key, item.get(key)) for key in columns) for number, item in found]
    return columns, rows, [number for number, _ in found]


def _items(name: str, text: str, above: int) -> list[tuple[int, Any]]:
    if text.lstrip().startswith("["):
        whole = _parsed(name, text, 0)
        return list(enumerate(whole, 1))
    if text.lstrip().startswith("{") and not _is_object(text.lstrip().split("\n", 1)[0]):
        _parsed(name, text, 0)
        raise RecipeError(f"{name} is one object; a table needs {WHAT}, one a line or in an array")
    return [
        (number, _parsed(name, line, number) if line.strip() else None)
        for number, line in enumerate(text.removesuffix("\n").split("\n"), above + 1)
    ]


def _is_object(line: str) -> bool:
    try:
        return isinstance(parsed(line), dict)
    except ValueError:
        return False


def _parsed(name: str, text: str, number: int) -> Any:
    try:
        return parsed(text, parse_float=str, parse_int=str, parse_constant=str)
    except ValueError as error:
        place = f", row {number}" if number else ""
        raise RecipeError(f"{name}{place}: not JSON: {error}") from None


def _cell(name: str, number: int, key: str, value: Any) -> str:
    if isinstance(value, dict | list):
        what = "an object" if isinstance(value, dict) else "a list"
        raise RecipeError(f"{name}, row {number}, key {key}: {what}, but a cell is a text, a number, true or false")
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
