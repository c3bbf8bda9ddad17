"""Read a column of numbers as people write them: decimal comma, thousands separators, currency, percent, true, gaps."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

# How tables write a missing value; training and sessions share this set. "." comes from statistics packages, dashes
# from spreadsheets, a signed nan from C's printf, <NA> from pandas. Zero is a value, never a gap.
GAPS = frozenset(
    ("", "nan", "+nan", "-nan", "na", "n/a", "<na>", "#n/a", "#na", "null", "none", "-", "--", "\u2013", "?", ".")
)
BOOLEANS = {"true": 1.0, "false": 0.0}
PERCENT = "%"
_CURRENCY = (
    r"(?:US|C|CA|A|AU|NZ|HK|R)?\$|[€£¥₹₽₩₺₫₴₪₦₱฿¢]|zł|kr\.?|Fr\.|"
    r"USD|EUR|GBP|CHF|JPY|CNY|INR|AUD|CAD|NZD|SEK|NOK|DKK|PLN|CZK|HUF|BRL|MXN|ZAR|KRW|TRY|RUB"
)
_MINUS = "\u2212\u2013"  # besides the ASCII one
_PLAIN = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_PLAIN_COLUMN = re.compile(rf"{_PLAIN.pattern}(?:\n{_PLAIN.pattern})*+", re.ASCII)  # cells that need no more care
_POINT_OR_GROUP = re.compile(r"[+-]?[1-9]\d{0,2}\.\d{3}", re.ASCII)  # 1.234: may be 1234
_WHOLE = re.compile(r"[+-]?\d+", re.ASCII)
_WRITTEN = re.compile(
    rf"(?P<open>\()?\s*(?P<sign>[+{_MINUS}-]?)\s*(?P<before>{_CURRENCY})?\s*(?P<inner>[+{_MINUS}-]?)"
    r"(?P<body>\d+(?:[.,'’ \u00a0\u2009\u202f]\d+)*[.,]?|[.,]\d+)(?P<exponent>[eE][+-]?\d+)?"
    rf"\s*(?P<after>{_CURRENCY}|%)?\s*(?P<close>\))?",
    re.ASCII,
)


class CellFault(ValueError):
    """A cell that cannot be read. index: of its row, from 0. message: what is wrong and what to do, without a place."""

    def __init__(self, index: int, message: str) -> None:
        super().__init__(message)
        self.index = index
        self.message = message


@dataclass(frozen=True)
class NumberColumn:
    """The values of a column, NaN for a missing one. notes: what its cells have besides digits and a decimal point."""

    values: tuple[float, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Written:
    """A number as it is written. groups: its runs of digits, between the separators. mark: currency sign, % or ""."""

    is_negative: bool
    groups: tuple[str, ...]
    separators: tuple[str, ...]
    exponent: str
    mark: str

    @property
    def is_ambiguous(self) -> bool:
        """True for 1,234 and 1.234, which may have a decimal or a thousands separator."""
        return len(self.separators) == 1 and not self.exponent and _is_grouped(self.groups)

    @property
    def decimal(self) -> str:
        """The separator that can only be a decimal one, or ""."""
        if not self.separators:
            return ""
        *others, last = self.separators
        alone = not others and not (_is_grouped(self.groups) and not self.exponent)
        return last if last in (".", ",") and last not in others and (others or alone) else ""

    @property
    def thousands(self) -> tuple[str, ...]:
        """The separators that can only divide thousands."""
        rest = self.separators[:-1] if self.decimal else self.separators
        return () if self.is_ambiguous and rest[0] in ".," else rest


def is_gap(cell: str) -> bool:
    """True if the text of a cell means a missing value."""
    return cell.strip().lower() in GAPS


def is_number(cell: str) -> bool:
    """True if a cell is a number in some notation; gaps, true and false are none."""
    written = _written(cell)
    return written is not None and _is_consistent(written)


def are_numbers(cells: Sequence[str]) -> bool:
    """True if `read_numbers` reads the cells, and one of them at least is a value."""
    try:
        values = read_numbers(cells, decimal=".").values
    except CellFault:
        try:
            values = read_numbers(cells, decimal=",").values
        except CellFault:
            return False
    return not all(map(math.isnan, values))


def read_numbers(cells: Sequence[str], *, decimal: str = "", delimiter: str = "", key: str = "") -> NumberColumn:
    """Read the cells of one column; a missing value becomes NaN.

    decimal: the decimal separator, "." or ","; "": told by the cells. delimiter: of the table's cells, which decides
    if the cells do not: thousands have commas where commas also divide cells. key: what sets `decimal`, for messages.
    Raises CellFault for a cell that is no finite number and for columns that can be read in two ways.
    """
    if decimal == "." and _PLAIN_COLUMN.fullmatch("\n".join(cells)):
        plain = tuple(map(float, cells))
        if 0.0 not in plain and all(map(math.isfinite, plain)):
            return NumberColumn(plain)
        return NumberColumn(tuple(_finite(index, text) for index, text in enumerate(cells)))
    texts = [cell.strip() for cell in cells]
    gaps = [text.lower() in GAPS for text in texts]
    given = [index for index, is_missing in enumerate(gaps) if not is_missing]
    if given and all(texts[index].lower() in BOOLEANS for index in given):
        booleans = [math.nan if missing else BOOLEANS[text.lower()] for text, missing in zip(texts, gaps, strict=True)]
        return NumberColumn(tuple(booleans), ("true is 1, false is 0",))
    if decimal != "," and all(_PLAIN.fullmatch(texts[index]) for index in given):
        dots = [texts[index] for index in given if "." in texts[index]]
        if decimal == "." or not dots or not all(map(_POINT_OR_GROUP.fullmatch, dots)):
            return NumberColumn(
                tuple(_finite(index, text) if not gaps[index] else math.nan for index, text in enumerate(texts))
            )
    numbers: dict[int, _Written] = {}
    for index in given:
        written = _written(texts[index])
        if written is None or not _is_consistent(written):
            raise CellFault(index, f"{texts[index][:40]!r} is not a number")
        numbers[index] = written
    notes = _marks(numbers, texts)
    decimal = decimal or _decimal_of(numbers, texts, delimiter, key)
    values = [math.nan] * len(texts)
    for index, number in numbers.items():
        values[index] = _value(index, number, texts[index], decimal)
    if decimal == "," and any("," in number.separators for number in numbers.values()):
        notes.append("decimal comma")
    return NumberColumn(tuple(values), tuple(notes))


def _finite(index: int, text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise CellFault(index, f"{text[:40]} is too large")
    return value + 0.0  # turns -0.0 into 0.0


def _written(cell: str) -> _Written | None:
    """The parts of a number; None if the text is none."""
    found = _WRITTEN.fullmatch(cell.strip())
    if found is None or (found["open"] is None) != (found["close"] is None) or (found["sign"] and found["inner"]):
        return None
    if found["before"] and found["after"] not in (None, PERCENT):
        return None
    minus = (found["sign"] or found["inner"]) in ("-", *_MINUS)
    groups = tuple(re.split(r"\D", found["body"]))
    separators = tuple(
        "'" if sign == "’" else " " if sign.isspace() else sign for sign in re.findall(r"\D", found["body"])
    )
    mark = found["before"] or found["after"] or ""
    return _Written(minus != (found["open"] is not None), groups, separators, found["exponent"] or "", mark)


def _is_grouped(groups: Sequence[str]) -> bool:
    """True for digits in groups of three, as in 1,234,567, or as in India: 12,34,567."""
    first, *middle, last = groups
    sizes = set(map(len, middle))
    return 1 <= len(first) <= 3 and first != "0" * len(first) and first[0] != "0" and len(last) == 3 and sizes <= {2, 3}


def _is_consistent(written: _Written) -> bool:
    """True if the separators can be those of one number."""
    thousands = written.thousands
    if len(set(thousands)) > 1 or (written.decimal and written.decimal in thousands):
        return False
    return not thousands or _is_grouped(written.groups[: len(thousands) + 1])


def _marks(numbers: dict[int, _Written], texts: Sequence[str]) -> list[str]:
    """Notes about currency and percent signs. Raises CellFault for two currencies, and for % in some cells only."""
    signs = {index: number.mark for index, number in numbers.items() if number.mark}
    kinds = list(dict.fromkeys(signs.values()))
    if len(kinds) > 1:
        index = next(index for index, sign in signs.items() if sign != kinds[0])
        raise CellFault(index, f"{texts[index][:40]!r} is in {kinds[1]}, but a cell above it in {kinds[0]}")
    if kinds == [PERCENT] and len(signs) < len(numbers):
        index = next(index for index in numbers if index not in signs)
        raise CellFault(index, f"{texts[index][:40]!r} has no percent sign, but others of this column have one")
    return [f"{kind} left out" for kind in kinds]


def _decimal_of(numbers: dict[int, _Written], texts: Sequence[str], delimiter: str, key: str) -> str:
    """The decimal separator of a column. Raises CellFault if its cells disagree or leave it open."""
    decimals: dict[str, int] = {}
    thousands: dict[str, int] = {}
    open_to: dict[str, int] = {}
    for index, number in numbers.items():
        if number.decimal:
            decimals.setdefault(number.decimal, index)
        for sign in number.thousands:
            thousands.setdefault(sign, index)
        if number.is_ambiguous and number.separators[0] in ".,":
            open_to.setdefault(number.separators[0], index)
    if len(decimals) > 1 or decimals.keys() & thousands.keys():
        first, *_, index = sorted((*decimals.values(), *thousands.values()))
        raise CellFault(
            index, f"{texts[index][:40]!r} and {texts[first][:40]!r} in one column use different decimal separators"
        )
    if decimals:
        return next(iter(decimals))
    left = [sign for sign in open_to if sign not in thousands]
    if not left:
        return "," if "." in thousands else "."
    if len(left) == 1 and (found := _usual(left[0], numbers, delimiter)):
        return found
    index = open_to[left[-1]]
    text = texts[index][:40]
    bare = re.sub(r"[.,]", "", text)
    way_out = f"; --set {key}=. or --set {key}=, names the decimal separator" if key else ""
    raise CellFault(index, f"{text!r} may be {text.replace(left[-1], '.')} or {bare}{way_out}")


def _usual(sign: str, numbers: dict[int, _Written], delimiter: str) -> str:
    """The decimal separator of a column in which all of `sign` are as in 1,234; "" if it remains open."""
    whole = [int(number.groups[0]) for number in numbers.values() if not number.separators]
    if any(value >= 1000 for value in whole):
        return sign  # thousands are written without a separator
    has_hundreds = any(value >= 100 for value in whole)
    if sign == ",":
        return {",": ".", ";": ","}.get(delimiter, "." if has_hundreds else "")
    return "" if has_hundreds or (delimiter == ";" and len(numbers) > 1) else "."


def _value(index: int, number: _Written, text: str, decimal: str) -> float:
    """The value of a number with this decimal separator."""
    at = len(number.separators) - 1 if number.separators and number.separators[-1] == decimal else None
    rest = number.separators[:at]
    if decimal in rest or (rest and not _is_grouped(number.groups[: len(rest) + 1])):
        raise CellFault(index, f"{text[:40]!r} is not a number with the decimal separator {decimal!r}")
    digits = "".join(number.groups[: len(rest) + 1]) or "0"
    fraction = number.groups[-1] if at is not None else ""
    value = _finite(index, f"{digits}.{fraction}{number.exponent}")
    return -value + 0.0 if number.is_negative else value
