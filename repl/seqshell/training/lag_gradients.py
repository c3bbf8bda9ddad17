"""The gradient by time lag: how much of the gradient of a loss comes from the states of how many steps before.

The sequences are read in pieces between the lags, so it costs little more than one forward and backward pass.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from seqshell.core.errors import RecipeError, reason_of
from seqshell.core.events import Notice
from seqshell.core.state import State, leaves, map_leaves
from seqshell.core.tasks import task_spec
from seqshell.host import resolve
from seqshell.inspect.parts import parts_of
from seqshell.session.state_record import leaf_names
from seqshell.training.chunked_loss import has_halves
from seqshell.training.lag_history import KEY, sparklines
from seqshell.training.objective import Metrics
from seqshell.training.preparation import Prepared
from seqshell.training.random_draws import draws_kept

ROWS = 8  # sequences that are averaged
DIGITS = 5  # of a norm


class LastStep(NamedTuple):
    """Sequences of one length: inputs [B, T, ...], the state before them, and the loss at their last step.

    loss: of the outputs [B, 1, ...] there, summed over the sequences.
    """

    inputs: Tensor
    state: State
    loss: Callable[[Tensor], Tensor]


class LagMeter:
    """Measures the gradients by lag of a training after every `every` epochs; 0: never.

    What cannot be measured is said once, in a note, and not tried again.
    """

    def __init__(self, every: int) -> None:
        self._every = every
        self._note = ""

    def measured(self, prepared: Prepared, module: Any, epoch: int) -> Metrics:
        """What metrics.jsonl records of an epoch; empty if it is not measured. The training is not changed."""
        if not self._every or epoch % self._every:
            return {}
        try:
            module.eval()
            with draws_kept(), torch.backends.cudnn.flags(enabled=False):  # whose RNNs have no gradient in eval mode
                found = gradients_by_lag(prepared, module)
        except Exception as error:  # whatever a plugin's module raises
            self._every, self._note = 0, f"no gradients by lag: {reason_of(error)}"
            return {}
        self._note = sparklines(found)
        return {KEY: found}

    def take_note(self) -> Iterator[Notice]:
        """What was measured since the last call, or why nothing was."""
        note, self._note = self._note, ""
        if note:
            yield Notice(note)


def gradients_by_lag(prepared: Prepared, module: Any) -> Metrics:
    """{"lags": [K], "norms": {part of the state: [K]}}: the means over sequences of the norms of d loss / d part.

    The lags double from 1, the state that the last step reads. A norm that is not finite is None.
    module: in eval mode. Raises RecipeError if the task or the module has none.
    """
    spec = task_spec(prepared.architecture.task)
    if not spec.last_steps:
        raise RecipeError(f"{spec.noun} starts each sequence from another state")
    norms: dict[str, dict[int, list[Tensor]]] = {}
    for last in resolve(spec.last_steps)(prepared.objective, module, ROWS):
        for part, lag, found in _norms(module, last):
            norms.setdefault(part, {}).setdefault(lag, []).append(found)
    lags = sorted({lag for by_lag in norms.values() for lag in by_lag})
    if not lags:
        raise RecipeError("the state holds no numbers that have a gradient")
    means = {
        part: [_mean(torch.cat(by_lag[lag]).tolist()) if lag in by_lag else None for lag in lags]
        for part, by_lag in norms.items()
    }
    return {"lags": lags, "norms": means}


def _norms(module: Any, last: LastStep) -> Iterator[tuple[str, int, Tensor]]:
    """Each part of the state, each lag, and the norms [B] of the gradients with respect to it."""
    length = last.inputs.shape[1]
    lags = [2**power for power in range(length.bit_length()) if 2**power <= length][::-1]
    read = module.hidden_states if has_halves(module) else module
    kept: list[list[Tensor]] = []
    with torch.enable_grad():
        with torch.no_grad():
            state = last.state if lags[0] == length else read(last.inputs[:, : length - lags[0]], last.state)[1]
        state = map_leaves(_as_start, state)
        for lag, after in zip(lags, [*lags[1:], 0], strict=True):
            state = map_leaves(_own, state)
            kept.append(list(leaves(state)))
            piece = last.inputs[:, length - lag : length - after]
            outputs, state = read(piece, state) if after else module(piece, state)
        wanted = [leaf for each in kept for leaf in each if leaf.requires_grad]
        if not wanted:
            return
        found = iter(torch.autograd.grad(last.loss(outputs[:, -1:]), wanted, allow_unused=True))
    names, grows = leaf_names(state), [len({leaf.shape for leaf in each}) > 1 for each in zip(*kept, strict=True)]
    for lag, each in zip(lags, kept, strict=True):
        for name, leaf, is_growing in zip(names, each, grows, strict=True):
            gradient = next(found) if leaf.requires_grad else None
            if not _has_gradient(leaf):
                continue
            gradient = torch.zeros_like(leaf) if gradient is None else gradient
            # The parts of a leaf that grows are not the same at all lags.
            parts = {name: ()} if is_growing else parts_of(name, tuple(leaf.shape[1:]))
            for part, index in parts.items():
                chosen = gradient[:, index[0]] if index else gradient
                yield part, lag, torch.linalg.vector_norm(chosen.abs().double().reshape(len(leaf), -1), dim=1)


def _has_gradient(leaf: Tensor) -> bool:
    return leaf.is_floating_point() or leaf.is_complex()


def _as_start(leaf: Tensor) -> Tensor:
    return leaf.detach().requires_grad_(_has_gradient(leaf))


def _own(leaf: Tensor) -> Tensor:
    """A tensor of its own, so that its gradient is that of what reads it from here on alone."""
    return leaf.view_as(leaf)


def _mean(norms: list[float]) -> float | None:
    mean = math.fsum(norms) / len(norms) if all(map(math.isfinite, norms)) else math.nan
    return float(f"{mean:.{DIGITS}g}") if math.isfinite(mean) else None
