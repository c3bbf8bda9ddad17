"""The sampler chain: the outputs of a model pass through the samplers in order, and an error names the sampler that
caused it.

Invariant: after each sampler the logits have the shape [V], contain no NaN and no inf, and at least one is finite, so
that a token can be drawn. This is checked once per token, on the final logits, in a microsecond; only if the check
fails is the chain run again, sampler by sampler, to find the culprit. Samplers are therefore required to be pure
functions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import PluginError, SeqshellError
from seqshell.core.plugin_guard import Guard, owner_of
from seqshell.core.sampling import END, AnswerEnded, CopiesSource, End, Logits, SampleContext, Sampler
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
        memories = memories or self.first_memories()
        logits = self._start(outputs)
        if self._copying is not None and attention is not None:
            logits = self._copying.logits(logits, context, attention)
        try:
            for index, sampler in self._stages:
                logits = _or_end(sampler(logits, _with_memory(context, memories[index])))
            sound = _is_sound(logits, outputs.shape)
        except SeqshellError:
            raise
        except BaseException as error:
            if stops_host(error):
                raise
            sound = False
        if not sound:
            self._blame(outputs, context, memories)
        return logits if logits.dtype == np.float64 else logits.astype(np.float64)

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
        logits: Logits = outputs.astype(np.float64)  # a copy, in case a sampler writes to it
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
