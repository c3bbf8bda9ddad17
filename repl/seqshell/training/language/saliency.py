"""Saliency by gradients: how much each token that was read contributes to a later prediction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from seqshell.core.errors import UsageError
from seqshell.core.state import State, as_array, leaves, map_leaves
from seqshell.inspect.parts import parts_of
from seqshell.session.state_record import leaf_names


def gradients(
    module: Any, name: str, ids: Sequence[int], target: int | None, state: State
) -> tuple[float, list[float]]:
    """log p(target) after reading the ids, and for each id the norm of its gradient with respect to the embedded token.

    module: in eval mode; its `embedding` maps ids [1, T] to vectors [1, T, E]. name: of its architecture, for messages.
    target: None for the most likely output. state: before the ids, arrays [1, ...].
    UsageError if no gradient leads from the output to such vectors.
    """
    tokens = torch.tensor([list(ids)])
    with _embedded(module, name) as vectors, torch.enable_grad():
        outputs, _ = module(tokens, _tensors(state))
        log_prob = _log_prob(outputs, target)
    _require_vectors(vectors, tokens.shape, name)
    (gradient,) = torch.autograd.grad(log_prob, vectors)
    return float(log_prob.detach()), gradient[0].double().norm(dim=-1).tolist()


def state_gradients(
    module: Any, name: str, ids: Sequence[int], target: int | None, state: State
) -> tuple[float, list[float], dict[str, list[float]]]:
    """As `gradients`, and for each part of the state, by its address, the norms of the gradients with respect to it.

    Those of each id are of the state in which it was read. Parts of whole numbers have none.
    """
    kept: list[list[Tensor]] = []
    with _embedded(module, name) as vectors, torch.enable_grad():
        before = map_leaves(
            lambda leaf: leaf.requires_grad_(leaf.is_floating_point() or leaf.is_complex()), _tensors(state)
        )
        for number in ids:
            kept.append(list(leaves(before)))
            outputs, before = module(torch.tensor([[number]]), before)
        log_prob = _log_prob(outputs, target)
    for vector in vectors:
        _require_vectors([vector], (1, 1), name)
    if len(vectors) != len(ids):
        _require_vectors([], (1, 1), name)
    wanted = [leaf for step in kept for leaf in step if leaf.requires_grad]
    found = torch.autograd.grad(log_prob, [*vectors, *wanted], allow_unused=True)
    norms = [_norm(each) for each in found[: len(vectors)]]
    parts: dict[str, list[float]] = {}
    gradients_left = iter(found[len(vectors) :])
    for step in kept:
        for address, leaf in zip(leaf_names(state), step, strict=True):
            if not leaf.requires_grad:
                continue
            gradient = next(gradients_left)
            for part, index in parts_of(address, tuple(leaf.shape[1:])).items():
                parts.setdefault(part, []).append(_norm(None if gradient is None else gradient[(0, *index)]))
    return float(log_prob.detach()), norms, {part: each for part, each in parts.items() if len(each) == len(ids)}


@contextmanager
def _embedded(module: Any, name: str) -> Iterator[list[Tensor]]:
    """A context in which the vectors of embedded tokens are collected, and gradients end at them."""
    vectors: list[Tensor] = []

    def keep(_: Any, given: Any, output: Tensor) -> Tensor:
        vectors.append(output.detach().requires_grad_())
        return vectors[-1]

    embedding = getattr(module, "embedding", None)
    if not isinstance(embedding, nn.Module):
        raise UsageError(
            f"the architecture {name} has no embedding, so no gradient leads back to its tokens", code="no_gradient"
        )
    module.requires_grad_(False)
    hook = embedding.register_forward_hook(keep)
    try:
        yield vectors
    finally:
        hook.remove()


def _require_vectors(vectors: Sequence[Tensor], shape: Sequence[int], name: str) -> None:
    if len(vectors) != 1 or vectors[0].shape[:-1] != torch.Size(shape):
        raise UsageError(
            f"the architecture {name} does not read one token after the other, so distances are undefined",
            code="no_gradient",
        )


def _log_prob(outputs: Tensor, target: int | None) -> Tensor:
    """The log-probability of a target, or the largest one; outputs [1, T, V]."""
    log_probs = outputs[0, -1].float().log_softmax(-1)
    return log_probs.max() if target is None else log_probs[target]


def _tensors(state: State) -> State:
    return map_leaves(lambda leaf: torch.from_numpy(np.array(as_array(leaf))), state)


def _differentiable(leaf: Tensor) -> Tensor:
    return leaf.requires_grad_(leaf.is_floating_point() or leaf.is_complex())


def _norm(gradient: Tensor | None) -> float:
    return 0.0 if gradient is None else float(torch.linalg.vector_norm(gradient.flatten().abs().double()))
