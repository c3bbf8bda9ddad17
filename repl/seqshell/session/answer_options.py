"""The options that were given for one answer, so that regenerate can repeat it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from seqshell.core.sampling import Strategy


@dataclass(frozen=True)
class AnswerOptions:
    """Options of one answer. None, and a setting without a value, are for the session's settings to decide.

    settings: of samplers.
    """

    max_tokens: int | None = None
    stop: tuple[str, ...] | None = None
    strategy: Strategy | str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        max_tokens: int | None = None,
        stop: str | Sequence[str] = (),
        strategy: Strategy | str | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> AnswerOptions:
        """The options of a call. stop: a text or several; none is for the session's settings to decide."""
        texts = (stop,) if isinstance(stop, str) else tuple(stop)
        return cls(None if max_tokens is None else int(max_tokens), texts or None, strategy, settings or {})

    def over(self, others: AnswerOptions) -> AnswerOptions:
        """These options and, where one is missing, the other ones."""
        return AnswerOptions(
            others.max_tokens if self.max_tokens is None else self.max_tokens,
            others.stop if self.stop is None else self.stop,
            others.strategy if self.strategy is None else self.strategy,
            {**others.settings, **self.settings},
        )


NO_OPTIONS = AnswerOptions()
