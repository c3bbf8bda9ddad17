"""Reads the arguments of a command: the number of words, and numbers within a range; completes NAME=VALUE."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from seqshell.core.errors import UsageError
from seqshell.core.plugin_api import Arguments, Command, Setting
from seqshell.core.text_output import exact

WORD = re.compile(r'[^\s,"]+')  # a value that needs no quotes


def words(arguments: Arguments, command: Command, least: int = 0, most: int | None = None) -> tuple[str, ...]:
    """The words, `least` to `most` of them (None: any number). Raises UsageError with the command's usage."""
    found = arguments.words
    usage = f"usage: /{command.name} {command.usage}".rstrip()
    if len(found) < least:
        raise UsageError(f"missing argument; {usage}")
    if most is not None and len(found) > most:
        raise UsageError(f"unexpected {found[most]!r}; {usage}")
    return found


def whole_number(word: str, what: str, low: int, high: int, hint: str = "") -> int:
    """The word as a whole number from low to high.

    Raises UsageError, in which `what` names the number. hint: what to do if the word is no number.
    """
    try:
        number = int(word)
    except ValueError:
        expected = f"a whole number from {low:,} to {high:,}"
        raise UsageError(f"{what} must be {expected}, not {word[:40]!r}", hint=hint) from None
    if not low <= number <= high:
        raise UsageError(f"{what} must be {low:,} to {high:,}, not {word[:40]}")
    return number


def assignments(settings: Iterable[Setting], text: str) -> Mapping[str, str]:
    """What may complete the last word of a text: NAME= of each setting with its help; after NAME=, its values."""
    name, sign, _ = re.split(r"\s", text)[-1].partition("=")
    if not sign:
        return {f"{item.name}=": item.help for item in settings}
    found = next((item for item in settings if item.name == name), None)
    return {f"{name}={value}": about for value, about in values_of(found).items()} if found is not None else {}


def values_of(setting: Setting) -> Mapping[str, str]:
    """The values of a setting, as users type them: all of them, if they can be listed; else the default and the neutral
    one.
    """
    known = {exact(setting.neutral): "no effect", exact(setting.default): "the default"}
    values = setting.values or map(exact, filter(_is_scalar, (setting.default, setting.neutral)))
    return {value: known.get(value, "") for value in values if WORD.fullmatch(value)}


def _is_scalar(value: object) -> bool:
    return isinstance(value, str | int | float)
