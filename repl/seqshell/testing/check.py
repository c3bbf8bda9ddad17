"""The result of trying one rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from seqshell.core.signal_handlers import stops_host


@dataclass(frozen=True)
class Check:
    """The result of trying one rule.

    seen: what was found instead; empty if the rule holds. case: the smallest failing case, if one was looked for.
    is_warning: the check passes in spite of what was found.
    """

    rule: str
    seen: str = ""
    case: str = ""
    is_warning: bool = False

    @property
    def passed(self) -> bool:
        return not self.seen or self.is_warning

    def __str__(self) -> str:
        return f"{self.rule}: {self.seen or 'yes'}" + (f"; smallest failing case: {self.case}" if self.case else "")


class Finding(NamedTuple):
    """What was found when a rule was tried: the fields of a Check without the rule."""

    seen: str = ""
    case: str = ""
    is_warning: bool = False


def try_rule(rule: str, holds: Callable[[], str | Finding]) -> Check:
    """Try a rule: `holds` returns what was found instead, or an empty text."""
    finding = Finding()

    def seen() -> str:
        nonlocal finding
        found = holds()
        finding = Finding(found) if isinstance(found, str) else found
        return finding.seen

    return Check(rule, attempt(seen), finding.case, finding.is_warning)


def attempt(holds: Callable[[], str]) -> str:
    """Call `holds` and return its result; an exception of the plugin becomes the result, as `ValueError: too small`."""
    try:
        return holds()
    except BaseException as error:  # sys.exit too
        if stops_host(error):
            raise
        return " ".join(f"{type(error).__name__}: {error}".split())[:500]


def exception_name(seen: str) -> str:
    """Return the name of the exception that `attempt` caught; empty for other results."""
    first = seen.partition(":")[0]
    return first if first.isidentifier() else ""
