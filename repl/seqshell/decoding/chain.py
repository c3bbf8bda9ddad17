"""The sampler chain: a row of outputs goes through every sampler in order, and a fault of one of them is told with its name."""

from __future__ import annotations

import math
import traceback
from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from seqshell.core.errors import PluginError, SeqshellError, reason_of
from seqshell.core.sampling import Logits, SampleContext, Sampler
from seqshell.decoding.probabilities import log_probs

Memories = tuple[Any, ...]


def is_about_chance(sampler: Sampler | type[Any]) -> bool:
    """Whether a sampler only shapes chance, as temperature and top_k do: greedy and beam search leave it out.

    A sampler says so with the class attribute `about_chance = True`; one that says nothing is always in use.
    """
    return bool(getattr(sampler, "about_chance", False))


class Chain:
    """Samplers in the order in which they run, over the outputs of one model.

    excluded: ids that are never drawn. with_chance=False leaves out the samplers that are about chance. A chain keeps nothing
    between calls: the memories, one for each sampler, belong to the caller.
    """

    def __init__(
        self, samplers: Sequence[Sampler], *, excluded: frozenset[int] = frozenset(), with_chance: bool = True
    ) -> None:
        self.samplers = tuple(samplers)
        self._excluded = np.array(sorted(excluded), np.int64)
        self._stages = tuple(
            (index, each) for index, each in enumerate(self.samplers) if with_chance or not is_about_chance(each)
        )
        self._updates = tuple(
            (index, update) for index, each in self._stages if (update := getattr(each, "update", None))
        )

    def first_memories(self) -> Memories:
        """What the samplers remember before their first draw: None each."""
        return (None,) * len(self.samplers)

    def logits(self, outputs: NDArray[Any], context: SampleContext, memories: Memories = ()) -> Logits:
        """The logits [V] to draw from, for the outputs [V] of a model. Each sampler finds its own memory in the context.

        At least one is finite and none is NaN or inf. PluginError names the sampler, or the model, whose fault it is otherwise;
        a SeqshellError of a sampler is passed on.
        """
        memories = memories or self.first_memories()
        logits = self._start(outputs)
        try:
            for index, sampler in self._stages:
                logits = sampler(logits, _with_memory(context, memories[index]))
            sound = _is_sound(logits, outputs.shape)
        except SeqshellError:
            raise
        except (Exception, SystemExit):
            sound = False
        if not sound:
            self._blame(outputs, context, memories)
        return logits if logits.dtype == np.float64 else logits.astype(np.float64)

    def updated(self, memories: Memories, token: int, logits: Logits) -> Memories:
        """The memories after `token` was drawn from these logits [V] of the chain (log-probabilities serve as well)."""
        if not self._updates:
            return memories
        logs = log_probs(logits)
        new = list(memories or self.first_memories())
        for index, update in self._updates:
            try:
                new[index] = update(new[index], token, logs)
            except SeqshellError:
                raise
            except (Exception, SystemExit) as error:
                raise _fault(self.samplers[index], f"failed to remember a token: {reason_of(error)}", error) from error
        return tuple(new)

    def _start(self, outputs: NDArray[Any]) -> Logits:
        logits: Logits = outputs.astype(np.float64)  # a copy: a sampler that writes to it harms nobody
        if self._excluded.size:
            logits[self._excluded] = -np.inf
        return logits

    def _blame(self, outputs: NDArray[Any], context: SampleContext, memories: Memories) -> NoReturn:
        """Run the chain again, step by step, and raise the first fault."""
        logits = self._start(outputs)
        if trouble := _trouble(logits, outputs.shape):
            raise PluginError(f"the model {trouble}")
        for index, sampler in self._stages:
            try:
                logits = sampler(logits, _with_memory(context, memories[index]))
            except (Exception, SystemExit) as error:
                raise _fault(sampler, f"failed: {reason_of(error)}", error) from error
            if trouble := _trouble(logits, outputs.shape):
                raise _fault(sampler, trouble)
        raise PluginError(
            "the sampler chain failed once, and not when it was run again: one of its samplers is not a pure function"
        )


def _with_memory(context: SampleContext, memory: Any) -> SampleContext:
    if memory is context.memory:
        return context
    return SampleContext(context.tokens, context.generated, context.position, context.tokenizer, memory, context.draw)


def _is_sound(logits: Any, shape: tuple[int, ...]) -> bool:
    """Whether nothing is wrong, in a microsecond: argmax finds NaN first, then inf."""
    if type(logits) is not np.ndarray or logits.shape != shape or logits.dtype.kind not in "fiu":
        return False
    return math.isfinite(logits.item(logits.argmax()))


def _trouble(logits: Any, shape: tuple[int, ...]) -> str:
    """What is wrong, in words; empty when nothing is."""
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


def _fault(sampler: Sampler, trouble: str, error: Exception | SystemExit | None = None) -> PluginError:
    kind = type(sampler)
    name = getattr(kind, "name", kind.__name__)
    owner = kind.__module__.partition(".")[0]
    details = "".join(traceback.format_exception(error)) if error else ""
    return PluginError(
        f"the sampler {name} of {owner} {trouble}",
        plugin=owner,
        details=details,
        hint=f"/sampler -{name} goes on without it",
    )
