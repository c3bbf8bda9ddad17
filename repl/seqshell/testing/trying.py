"""One rule, tried: whether it held, and what there was instead."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


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


def tried(rule: str, holds: Callable[[], str | tuple[str, str]]) -> Check:
    """holds() says what was seen instead, or that and the case that shows it; nothing, when the rule holds."""
    case = ""

    def without_case() -> str:
        nonlocal case
        found = holds()
        if isinstance(found, str):
            return found
        case = found[1]
        return found[0]

    seen = attempt(without_case)
    return Check(rule, seen, case)


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
