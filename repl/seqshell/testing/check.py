"""One rule, tried: whether it held, and what there was instead."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True)
class Check:
    """One rule that was tried. seen: what there was instead; empty when the rule held. case: the smallest one that shows it, where one was
    looked for. is_warning: it passes all the same."""

    rule: str
    seen: str = ""
    case: str = ""
    is_warning: bool = False

    @property
    def passed(self) -> bool:
        return not self.seen or self.is_warning

    def __str__(self) -> str:
        return f"{self.rule}: {self.seen or 'yes'}" + (f"; smallest case: {self.case}" if self.case else "")


class Found(NamedTuple):
    """What was seen instead, nothing when a rule held, and the rest of a Check."""

    seen: str = ""
    case: str = ""
    is_warning: bool = False


def tried(rule: str, holds: Callable[[], str | Found]) -> Check:
    """The check of a rule by a function that says what was seen instead."""
    found = Found()

    def seen() -> str:
        nonlocal found
        said = holds()
        found = Found(said) if isinstance(said, str) else said
        return found.seen

    return Check(rule, attempt(seen), found.case, found.is_warning)


def attempt(holds: Callable[[], str]) -> str:
    """What a rule says; whatever a stranger's code raises is what was seen, as `ValueError: too small`."""
    try:
        return holds()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # sys.exit too
        return " ".join(f"{type(error).__name__}: {error}".split())[:500]


def raised(seen: str) -> str:
    """The kind of exception that attempt() saw; empty for another fault."""
    first = seen.partition(":")[0]
    return first if first.isidentifier() else ""
