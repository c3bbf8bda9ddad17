"""Read a saved chain or strategy as far as it is available: a missing plugin costs its samplers, not the whole file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seqshell.core.errors import SeqshellError, reason_of
from seqshell.decoding.syntax import Available, parse_chain, parse_strategy, sampler_texts

if TYPE_CHECKING:
    from seqshell.core.sampling import Sampler, Strategy


@dataclass(frozen=True)
class Missing:
    """A sampler or a strategy (kind) that is left out. reason: "" if no plugin offers it."""

    kind: str
    name: str
    reason: str = ""


def samplers_of(text: str, available: Available) -> list[Sampler | Missing]:
    """The samplers of a chain, in order, with a Missing for each that is not available or refuses its settings."""
    if not text:
        return []
    try:
        return list(parse_chain(text, available))
    except SeqshellError as error:
        reason = reason_of(error)
    try:
        texts = sampler_texts(text)
    except SeqshellError:
        return [Missing("sampler", text, reason)]
    found: list[Sampler | Missing] = []
    for name, one in texts:
        try:
            found += parse_chain(one, available) if name in available else [Missing("sampler", name)]
        except SeqshellError as error:
            found.append(Missing("sampler", name, reason_of(error)))
    return found


def chain_of(found: Iterable[Sampler | Missing]) -> tuple[Sampler, ...]:
    """The samplers that are available."""
    return tuple(each for each in found if not isinstance(each, Missing))


def strategy_of(text: str, available: Available) -> Strategy | Missing:
    """The strategy, or Missing if it is not available or refuses its settings."""
    name = text.strip().partition(" ")[0]
    if name and name not in available:
        return Missing("strategy", name)
    try:
        return parse_strategy(text, available)
    except SeqshellError as error:
        return Missing("strategy", name, reason_of(error))
