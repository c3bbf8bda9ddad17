"""Constraints on the text of an answer: what it must match, and what it may not contain."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from seqshell import END, SampleContext, Tokenizer, UsageError, setting
from seqshell.patterns import FAR, TokenAutomaton, containing, either, negated, parse, shortened

Logits = NDArray[np.float64]


class _Constraint:
    """Keeps an answer among the texts that an expression matches, for any tokenizer."""

    name: ClassVar[str]
    stage: ClassVar[str] = "penalty"
    ends: ClassVar[bool]  # whether the answer ends where the most likely token would leave the constraint

    @cached_property
    def _automata(self) -> WeakKeyDictionary[Tokenizer, TokenAutomaton]:
        return WeakKeyDictionary()

    def _constrained(self, logits: Logits, context: SampleContext, expression: Any, shown: str) -> Any:
        """The logits [V] of tokens after which a match can be completed in time; END where there are none."""
        tokenizer = context.tokenizer
        if tokenizer is None:
            raise UsageError(f"{self.name} needs a tokenizer")
        automaton = self._automata.get(tokenizer)
        if automaton is None:
            automaton = self._automata[tokenizer] = TokenAutomaton(expression, tokenizer)
        answer = tuple(context.tokens[len(context.tokens) - context.answer :])
        state = automaton.state(answer)
        if state is None:
            begun = b"".join(map(tokenizer.piece, answer)).decode("utf-8", "replace")
            raise UsageError(f"the answer begins with {begun!r:.60}, which {shown} does not allow")
        costs = automaton.costs(state)[: logits.size]
        allowed = costs < FAR if context.left is None else costs <= context.left
        if automaton.is_match(state) and (self.ends and not allowed[logits.argmax()]):
            return END
        shaped = np.where(allowed, logits, -np.inf)
        if shaped[shaped.argmax()] > -np.inf:
            return shaped
        if automaton.is_match(state):
            return END
        least = int(costs.min())
        if least == FAR:
            raise UsageError(f"the vocabulary of this model cannot write what {shown} asks for")
        if context.left is not None and least > context.left:
            raise UsageError(
                f"{shown} needs {least:,} more tokens, and the answer may have {context.left:,}; raise max_tokens"
            )
        raise UsageError(f"no token that the other samplers leave is possible with {shown}; remove one of them")


@dataclass(frozen=True)
class Pattern(_Constraint):
    """Make the whole answer match a regular expression.

    Only tokens after which a match can still be completed within max_tokens stay possible, so that no answer goes
    wrong. The answer ends where it matches and the most likely token would leave the pattern. By derivatives of the
    expression (Brzozowski 1964), over the characters that a token completes; nothing is computed for the whole
    vocabulary in advance.
    """

    name: ClassVar[str] = "pattern"
    ends: ClassVar[bool] = True
    pattern: str = setting("", neutral="", help="a regular expression that the whole answer matches, e.g. [A-Z][a-z]+")

    def __post_init__(self) -> None:
        self._expression  # noqa: B018  # parse now, to report errors when the chain is set

    def __call__(self, logits: Logits, context: SampleContext) -> Any:
        """logits: [V]. Returns [V]. UsageError if no answer can match in max_tokens, or one began otherwise."""
        if not self.pattern:
            return logits
        return self._constrained(logits, context, self._expression, f"pattern={shortened(self.pattern)}")

    @cached_property
    def _expression(self) -> Any:
        return parse(self.pattern)


@dataclass(frozen=True)
class Ban(_Constraint):
    """Keep characters, words and phrases out of an answer, whatever tokens they are made of; case does not matter.

    texts: separated by commas. A single character may not occur at all. A word or phrase may not occur between other
    characters than letters and digits: with `ban=the`, `then` remains possible. `\\,` is a comma.
    """

    name: ClassVar[str] = "ban"
    ends: ClassVar[bool] = False
    texts: str = setting("", neutral="", help="characters and words that may not occur, e.g. e or the,thou")

    def __post_init__(self) -> None:
        self._expression  # noqa: B018  # parse now, as above

    def __call__(self, logits: Logits, context: SampleContext) -> Any:
        """logits: [V]. Returns [V]. UsageError if the vocabulary has nothing else."""
        if not self.texts:
            return logits
        return self._constrained(logits, context, self._expression, f"ban={shortened(self.texts)}")

    @cached_property
    def _expression(self) -> Any:
        texts = (re.sub(r"\\(.)", r"\1", text) for text in re.split(r"(?<!\\),", self.texts))
        return negated(either(*(containing(text, as_word=len(text) > 1) for text in texts if text)))
