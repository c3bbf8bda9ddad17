"""The sampler chain: the outputs of a model pass through the samplers in order, and an error names the sampler that
caused it.

Invariant: after each sampler the logits have the shape [V], contain no NaN and no inf, and at least one is finite, so
that a token can be drawn. This is checked once per token, on the final logits, in a microsecond; only if the check
fails is the chain run again, sampler by sampler, to find the culprit. Samplers are therefore required to be pure
functions.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import PluginError, SeqshellError
from seqshell.core.plugin_guard import Guard, owner_of
from seqshell.core.sampling import END, AnswerEnded, CopiesSource, End, Logits, SampleContext, Sampler
from seqshell.core.shortlist import Rule, Shortlist
from seqshell.core.signal_handlers import stops_host
from seqshell.decoding.probabilities import log_probs

Memories = tuple[Any, ...]


def is_about_chance(sampler: Sampler | type[Any]) -> bool:
    """True if a sampler declares `about_chance`: strategies that do not sample leave it out."""
    return bool(getattr(sampler, "about_chance", False))


class Chain:
    """Samplers in the order in which they run.

    excluded: ids that are never drawn. with_chance: False leaves out the samplers with `about_chance`. copying: changes
    the logits before the first sampler, where the attention is given. A chain stores nothing between calls: the
    memories, one per sampler, belong to the caller.

    rules: what the whole chain does, if that depends on nothing but the logits; else None.
    """

    def __init__(
        self,
        samplers: Sequence[Sampler],
        *,
        excluded: frozenset[int] = frozenset(),
        with_chance: bool = True,
        copying: CopiesSource | None = None,
    ) -> None:
        self.samplers = tuple(samplers)
        self._excluded = np.array(sorted(excluded), np.int64)
        self._copying = copying
        self._stages = tuple(
            (index, each) for index, each in enumerate(self.samplers) if with_chance or not is_about_chance(each)
        )
        self._updates = tuple(
            (index, update) for index, each in self._stages if (update := getattr(each, "update", None))
        )
        self._parts = tuple(_parts(self._stages))
        rules_alone = copying is None and not self._updates and all(part.rules is not None for part in self._parts)
        self._only_rules = tuple(rule for part in self._parts for rule in part.rules or ()) if rules_alone else None
        self.rules = None if self._only_rules is None else tuple(rule for _, rule in self._only_rules)
        self.excluded = tuple(sorted(excluded))

    @property
    def remembers(self) -> bool:
        """True if a sampler has a memory, so that `updated` must be called."""
        return bool(self._updates)

    def first_memories(self) -> Memories:
        """The memories before the first draw: None for each sampler."""
        return (None,) * len(self.samplers)

    def logits(
        self,
        outputs: NDArray[Any],
        context: SampleContext,
        memories: Memories = (),
        attention: NDArray[Any] | None = None,
    ) -> Logits:
        """The logits [V] to draw from, for the outputs [V] of a model. Each sampler gets its own memory in the context.

        attention: [S] over the source, for copying.

        At least one is finite, none is NaN or inf. Otherwise a PluginError names the sampler or the model that caused
        it. A SeqshellError of a sampler is passed on. AnswerEnded if a sampler returns END.
        """
        return self.shortlist(outputs, context, memories, attention).logits()

    def shortlist_by_rules(self, outputs: NDArray[Any]) -> Shortlist | None:
        """As `shortlist`, for a chain that needs nothing but the outputs; None if it does, or if something is wrong."""
        return None if self._only_rules is None else self._shortened(self._start(outputs), self._only_rules)

    def shortlist(
        self,
        outputs: NDArray[Any],
        context: SampleContext,
        memories: Memories = (),
        attention: NDArray[Any] | None = None,
    ) -> Shortlist:
        """The logits to draw from, and which of them are left. As `logits`."""
        memories = memories or self.first_memories()
        logits = self._start(outputs)
        if self._copying is not None and attention is not None:
            logits = self._copying.logits(logits, context, attention)
        found: Shortlist | None = None
        try:
            for part in self._parts:
                if found is not None:
                    logits = found.logits()
                found = None
                if part.rules is not None and _is_sound(logits, outputs.shape) and logits.dtype == np.float64:
                    found = self._shortened(logits.copy(), part.rules)
                if found is None:
                    for index, sampler in part.stages:
                        logits = _or_end(sampler(logits, _with_memory(context, memories[index])))
            sound = found is not None or _is_sound(logits, outputs.shape)
        except SeqshellError:
            raise
        except BaseException as error:
            if stops_host(error):
                raise
            sound = False
        if not sound:
            self._blame(outputs, context, memories)
        if found is None:
            logits = logits.astype(np.float64)  # a copy: it may be an array of the sampler
            found = Shortlist(logits, logits.item(logits.argmax()))
        return found

    def _shortened(self, logits: Logits, rules: tuple[tuple[int, Rule], ...]) -> Shortlist | None:
        """What rules leave of logits, which may be overwritten; None if that is not certain, or not sound."""
        largest = logits.item(logits.argmax())
        if not math.isfinite(largest):
            return None
        found = Shortlist(logits, largest)
        for index, rule in rules:
            try:
                rule.apply(found)
            except BaseException as error:
                _guard(self.samplers[index], "failed in rules").blame(error)
                raise
        return found if found.certain and math.isfinite(found.largest) else None

    def updated(self, memories: Memories, token: int, logits: Logits) -> Memories:
        """The memories after `token` was drawn from the logits [V] of the chain, or from log-probabilities."""
        if not self._updates:
            return memories
        logs = log_probs(logits)
        new = list(memories or self.first_memories())
        for index, update in self._updates:
            with _guard(self.samplers[index], "failed in update"):
                new[index] = update(new[index], token, logs)
        return tuple(new)

    def _start(self, outputs: NDArray[Any]) -> Logits:
        logits: Logits = outputs.astype("d")  # float64: a copy, in case a sampler writes to it
        if self._excluded.size:
            logits[self._excluded] = -np.inf
        return logits

    def _blame(self, outputs: NDArray[Any], context: SampleContext, memories: Memories) -> NoReturn:
        """Run the chain again, sampler by sampler, and raise the first error."""
        logits = self._start(outputs)
        if trouble := _trouble(logits, outputs.shape):
            raise PluginError(f"the model {trouble}")
        for index, sampler in self._stages:
            with _guard(sampler):
                logits = _or_end(sampler(logits, _with_memory(context, memories[index])))
            if trouble := _trouble(logits, outputs.shape):
                raise _guard(sampler).error(trouble)
        raise PluginError(
            "the sampler chain failed, but not when it was run again: one of its samplers is not a pure function"
        )


@dataclass(frozen=True)
class _Part:
    """Samplers that follow each other. rules: what they do, by sampler; None if the sampler must be called."""

    stages: tuple[tuple[int, Sampler], ...]
    rules: tuple[tuple[int, Rule], ...] | None


def _parts(stages: Sequence[tuple[int, Sampler]]) -> Iterator[_Part]:
    """The samplers, those with rules that follow each other together."""
    found = [(index, sampler, _rules(sampler)) for index, sampler in stages]
    for has_rules, group in groupby(found, lambda each: each[2] is not None):
        if has_rules:
            members = list(group)
            rules = tuple((index, rule) for index, _, each in members for rule in each or ())
            yield _Part(tuple((index, sampler) for index, sampler, _ in members), rules)
        else:
            yield from (_Part(((index, sampler),), None) for index, sampler, _ in group)


def _rules(sampler: Sampler) -> tuple[Rule, ...] | None:
    """The rules of a sampler, None if it must be called."""
    with _guard(sampler, "failed in rules"):
        rules = getattr(sampler, "rules", None)
        return None if rules is None else tuple(rules)


def _or_end(logits: Logits | End) -> Logits:
    if logits is END:
        raise AnswerEnded
    return logits


def _with_memory(context: SampleContext, memory: Any) -> SampleContext:
    if memory is context.memory:
        return context
    tokens, generated, position, tokenizer, _, draw, answer, left = context
    return SampleContext(tokens, generated, position, tokenizer, memory, draw, answer, left)


def _is_sound(logits: Any, shape: tuple[int, ...]) -> bool:
    """True if the logits are valid. It takes a microsecond: argmax finds NaN first, then inf."""
    if type(logits) is not np.ndarray or logits.shape != shape or logits.dtype.kind not in "fiu":
        return False
    return math.isfinite(logits.item(logits.argmax()))


def _trouble(logits: Any, shape: tuple[int, ...]) -> str:
    """What is wrong with the logits; empty if nothing is."""
    if not isinstance(logits, np.ndarray):
        return f"returned {type(logits).__name__} instead of an array of numbers"
    if logits.dtype.kind not in "fiu":
        return f"returned an array of {logits.dtype} instead of numbers"
    if logits.shape != shape:
        return f"returned the shape {list(logits.shape)} instead of {list(shape)}"
    if np.isnan(logits).any():
        return "returned NaN"
    if np.isposinf(logits).any():
        return "returned inf"
    return "" if np.isfinite(logits).any() else "left no token"


def _guard(sampler: Sampler, doing: str = "failed") -> Guard:
    kind = type(sampler)
    name, owner = getattr(kind, "name", kind.__name__), owner_of(kind)
    return Guard(f"the sampler {name}{owner.suffix}", owner, doing, hint=f"/sampler -{name} removes it")
