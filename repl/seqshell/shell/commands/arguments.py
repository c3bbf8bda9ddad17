"""Reading what stands after a command's name: how many words, which numbers, with one clear line for what cannot be meant."""

from __future__ import annotations

from seqshell.core.errors import UsageError
from seqshell.core.plugin_api import Arguments, Command


def words(arguments: Arguments, command: Command, least: int = 0, most: int | None = None) -> tuple[str, ...]:
    """The words, at least `least` and at most `most` of them (None: as many as there are); UsageError shows the command's usage."""
    found = arguments.words
    right = f"write /{command.name} {command.usage}".rstrip()
    if len(found) < least:
        raise UsageError(f"something is missing; {right}")
    if most is not None and len(found) > most:
        raise UsageError(f"{found[most]!r} is too much; {right}")
    return found


def whole_number(word: str, what: str, low: int, high: int) -> int:
    """The word as a whole number in [low, high]; `what` names it in the UsageError."""
    try:
        number = int(word)
    except ValueError:
        raise UsageError(f"{what} must be a whole number from {low:,} to {high:,}, not {word[:40]!r}") from None
    if not low <= number <= high:
        raise UsageError(f"{what} must be {low:,} to {high:,}, not {word[:40]}")
    return number
