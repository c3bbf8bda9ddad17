"""The result of trying one rule."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from seqshell.core.code_places import place_of_function
from seqshell.core.plugin_guard import WrongReturn, reason_and_place
from seqshell.core.signal_handlers import stops_host


@dataclass(frozen=True)
class Check:
    """The result of trying one rule.

    seen: what was found instead; empty if the rule holds. case: the smallest failing case, if one was looked for.
    is_warning: the check passes in spite of what was found. after: if the rule could not be tried, the rule that failed
    before, with the same exception.
    """

    rule: str
    seen: str = ""
    case: str = ""
    is_warning: bool = False
    after: str = ""

    @property
    def passed(self) -> bool:
        return not self.after and (not self.seen or self.is_warning)

    def __str__(self) -> str:
        seen = f"not tried, since this failed: {self.after}" if self.after else self.seen or "yes"
        return f"{self.rule}: {seen}" + (f"; smallest failing case: {self.case}" if self.case else "")


class Finding(NamedTuple):
    """What was found when a rule was tried: the fields of a Check without the rule."""

    seen: str = ""
    case: str = ""
    is_warning: bool = False


class Raised(str):
    """What a plugin raised, with the place, as the result of a rule.

    kind: the class of the exception. cause: equal for results with one cause.
    """

    kind: type[BaseException]
    cause: str

    @classmethod
    def of(cls, error: BaseException) -> Raised:
        """The reason of an exception and the line of the plugin that it passed."""
        raised = cls(reason_and_place(error))
        raised.kind = type(error)
        raised.cause = place_of_function(error.by) if isinstance(error, WrongReturn) else str(raised)
        return raised


def try_rules(rules: Iterable[tuple[str, Callable[[], str | Finding]]]) -> list[Check]:
    """Try each rule. One that fails with the exception of an earlier rule counts as not tried."""
    checks: list[Check] = []
    raised: dict[str, str] = {}  # the cause -> the rule that failed with it first
    for rule, holds in rules:
        check = try_rule(rule, holds)
        if isinstance(check.seen, Raised):
            first = raised.setdefault(check.seen.cause, rule)
            check = check if first == rule else Check(rule, after=first)
        checks.append(check)
    return checks


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
    """Call `holds` and return its result; an exception of the plugin becomes the result, as a Raised."""
    try:
        return holds()
    except BaseException as error:  # sys.exit too
        if stops_host(error):
            raise
        return Raised.of(error)


def is_alike(one: str, other: str) -> bool:
    """Whether two results of `attempt` are exceptions of one kind, or no exceptions."""
    kinds = [each.kind if isinstance(each, Raised) else None for each in (one, other)]
    return kinds[0] is kinds[1]
