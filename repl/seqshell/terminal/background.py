"""What the terminal's background decides: the colours of styles, and of text between the ends of a scale."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

DARK, LIGHT, UNKNOWN = "dark", "light", ""
# Of 256 colours, for each background. A test measures that each of a text has the contrast of `core.colours.ink`.
_NUMBERS: Mapping[str, Mapping[str, int]] = MappingProxyType(
    {
        UNKNOWN: {"dim": 243, "error": 131, "warning": 130, "prose": 63, "bar": 67, "chain": 29},
        DARK: {"dim": 246, "error": 203, "warning": 179, "prose": 110, "bar": 110, "chain": 108},
        LIGHT: {"dim": 242, "error": 160, "warning": 94, "prose": 25, "bar": 25, "chain": 23},
    }
)
# For 16 colours, which themes change and of which only red, magenta and grey are readable on both; and without colour.
_NARROW: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "dim": ("90", "2"),
        "bold": ("1", "1"),
        "title": ("1", "1"),
        "error": ("31", ""),
        "warning": ("35", ""),
        "prose": ("35", ""),
        "bar": ("35", ""),
        "chain": ("90", ""),
    }
)
STYLES = tuple(_NARROW)


class Ink(NamedTuple):
    """The colour of text at a share from -1 to 1 of a two-sided scale, on whatever the background is."""

    share: float


class Tint(NamedTuple):
    """The colour of the text of a category, by its number; from the ninth on in bold, then underlined."""

    number: int


def background_of(setting: str, environment: Mapping[str, str]) -> str:
    """DARK, LIGHT or UNKNOWN.

    setting: dark, light, or auto: what COLORFGBG says, which some terminals set: the number of the background, of 16,
    is at its end.
    """
    if setting in (DARK, LIGHT):
        return setting
    number = environment.get("COLORFGBG", "").rpartition(";")[2]
    if not (number.isascii() and number.isdigit() and int(number) < 16):
        return UNKNOWN
    return LIGHT if int(number) == 7 or int(number) > 8 else DARK


def code(style: str, colours: int, background: str) -> str:
    """The numbers between ESC [ and m for one of the STYLES; empty for plain text. colours: as of a Printer."""
    if colours >= 256 and (number := _NUMBERS[background].get(style)):
        return f"38;5;{number}"
    return _NARROW[style][0 if colours >= 16 else 1]


def hexadecimal(style: str, background: str) -> str:
    """The colour of one of the STYLES as prompt_toolkit writes it."""
    from seqshell.core import colours

    return colours.hexadecimal(colours.of_256(_NUMBERS[background][style]))
