"""What was likely at a position, to choose from, and what was chosen by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from seqshell.core.events.base import Event, Rows, rows_of
from seqshell.core.text_output import columns, probability


@dataclass(frozen=True)
class Choice:
    """A token that may come next. rank: 1 for the likeliest. taken: it is the one that came.

    log_prob, chain_log_prob: before and after the sampler chain (-inf: the chain excludes it).
    """

    rank: int
    id: int
    text: str
    log_prob: float
    chain_log_prob: float
    taken: bool = False


@dataclass(frozen=True)
class Alternatives(Event):
    """What was likely after `position` tokens, best first; the token that was taken is last if it is less likely.

    before: the end of the text up to there.
    """

    position: int
    before: str
    choices: tuple[Choice, ...]

    @property
    def taken(self) -> Choice | None:
        """The token that came; None at the end of the text."""
        return next((choice for choice in self.choices if choice.taken), None)

    def as_json(self) -> Mapping[str, Any]:
        """The position, the id of the token that was taken, and the tokens, each with its rank."""
        choices = [
            {
                "n": each.rank,
                "id": each.id,
                "text": each.text,
                "logprob": each.log_prob,
                "chain_logprob": each.chain_log_prob,
                "taken": each.taken,
            }
            for each in self.choices
        ]
        return {"pos": self.position, "taken": self.taken.id if self.taken else None, "alternatives": choices}

    def as_rows(self) -> Rows:
        """One row for each token."""
        return rows_of(self.as_json()["alternatives"])

    def as_text(self) -> str:
        """The position with the text before it, and a table in which a star marks the token that was taken."""
        rows = [
            (
                "*" if each.taken else "",
                each.rank,
                repr(each.text),
                probability(each.log_prob),
                probability(each.chain_log_prob),
            )
            for each in self.choices
        ]
        return "\n".join([self.title(), *columns([("", "n", "token", "model", "chain"), *rows])])

    def title(self) -> str:
        """Where it is."""
        return f"position {self.position:,}, after {self.before!r}" if self.before else f"position {self.position:,}"
