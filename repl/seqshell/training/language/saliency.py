"""Saliency by gradients: how much each token that was read contributes to a later prediction."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from seqshell.core.errors import UsageError
from seqshell.core.state import State, as_array, map_leaves


def gradients(
    module: Any, name: str, ids: Sequence[int], target: int | None, state: State
) -> tuple[float, list[float]]:
    """log p(target) after reading the ids, and for each id the norm of its gradient with respect to the embedded token.

    module: in eval mode; its `embedding` maps ids [1, T] to vectors [1, T, E]. name: of its architecture, for messages.
    target: None for the most likely output. state: before the ids, arrays [1, ...].
    UsageError if no gradient leads from the output to such vectors.
    """
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
    tokens = torch.tensor([list(ids)])
    hook = embedding.register_forward_hook(keep)
    try:
        with torch.enable_grad():
            outputs, _ = module(tokens, map_leaves(lambda leaf: torch.from_numpy(np.array(as_array(leaf))), state))
            log_probs = outputs[0, -1].float().log_softmax(-1)
            log_prob = log_probs.max() if target is None else log_probs[target]
    finally:
        hook.remove()
    if len(vectors) != 1 or vectors[0].shape[:-1] != tokens.shape:
        raise UsageError(
            f"the architecture {name} does not read one token after the other, so distances are undefined",
            code="no_gradient",
        )
    (gradient,) = torch.autograd.grad(log_prob, vectors)
    return float(log_prob.detach()), gradient[0].double().norm(dim=-1).tolist()


def half_life(norms: Sequence[float]) -> float | None:
    """The number of steps over which the norms, oldest first, halve: by a least-squares line through their logarithms.

    None if fewer than three norms are above 0, or if they do not decay.
    """
    points = [(-index, math.log2(norm)) for index, norm in enumerate(reversed(norms)) if norm > 0]
    if len(points) < 3:
        return None
    middle = sum(step for step, _ in points) / len(points)
    slope = sum((step - middle) * log for step, log in points) / sum((step - middle) ** 2 for step, _ in points)
    return 1 / slope if slope > 0 else None
