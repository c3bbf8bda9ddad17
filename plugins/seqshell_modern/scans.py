"""Parallel scans over time in torch: h_t = a_t h_{t-1} + b_t for all t at once.

A scan needs a number of passes that grows with the logarithm of the time: neighbouring steps are joined in pairs until
one is left, and the results between are filled in on the way back (Blelloch 1990,
https://www.cs.cmu.edu/~guyb/papers/Ble93.pdf). Two steps (a, b) and (c, d) together are (c a, c b + d).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Join = Callable[[Tensor, Tensor], Tensor]


def linear_scan(factors: Tensor, terms: Tensor, start: Tensor) -> Tensor:
    """h_t = factors_t h_{t-1} + terms_t from h_0 = start.

    factors, terms: [B, T, ...]; start: [B, ...]. Returns h [B, T, ...]. The factors should lie in [0, 1].
    """
    hidden: Tensor = _LinearScan.apply(factors, terms, start)  # type: ignore[no-untyped-call]  # torch leaves it so
    return hidden


def log_scan(log_factors: Tensor, log_terms: Tensor, start: Tensor) -> Tensor:
    """h_t = exp(log_factors_t) h_{t-1} + exp(log_terms_t) from h_0 = start, computed in log space.

    log_factors, log_terms: [B, T, ...]; start: [B, ...]. Returns h [B, T, ...]. No sum of logarithms becomes an
    exponent before it is at its final size, so that the factors of many steps neither overflow nor vanish.
    """
    hidden: Tensor = _LogScan.apply(log_factors, log_terms, start)  # type: ignore[no-untyped-call]  # torch leaves it so
    return hidden


def segment_sums(logs: Tensor) -> Tensor:
    """For each step t and each step s before it, the sum of logs over the steps s + 1 to t; -inf for a later s.

    logs: [..., T]. Returns [..., T, T], t first. Not as differences of cumulated sums, whose rounding is that of all
    steps.
    """
    steps = logs.shape[-1]
    later = torch.ones(steps, steps, dtype=torch.bool, device=logs.device).triu()
    rows = logs[..., None].expand(*logs.shape, steps).masked_fill(later, 0)
    return rows.cumsum(-2).masked_fill(later.triu(1), -torch.inf)


class _LinearScan(torch.autograd.Function):
    """The gradient of a scan is a scan back in time, so that autograd needs to record none of the passes."""

    @staticmethod
    def forward(ctx: Any, factors: Tensor, terms: Tensor, start: Tensor) -> Tensor:
        first = terms[:, :1] + factors[:, :1] * start[:, None]
        hidden = _prefixes(factors, torch.cat((first, terms[:, 1:]), 1), torch.mul, torch.add)
        ctx.save_for_backward(factors, hidden, start)
        return hidden

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        factors, hidden, start = ctx.saved_tensors
        slopes = _slopes(factors, gradients[0])
        return slopes * _before(hidden, start), slopes, factors[:, 0] * slopes[:, 0]


class _LogScan(torch.autograd.Function):
    """As _LinearScan. The part of the start is added at the end: it may be zero or negative."""

    @staticmethod
    def forward(ctx: Any, log_factors: Tensor, log_terms: Tensor, start: Tensor) -> Tensor:
        hidden = _prefixes(log_factors, log_terms, torch.add, torch.logaddexp).exp()
        hidden = torch.addcmul(hidden, log_factors.cumsum(1).exp(), start[:, None])
        ctx.save_for_backward(log_factors, log_terms, hidden, start)
        return hidden

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        log_factors, log_terms, hidden, start = ctx.saved_tensors
        factors = log_factors.exp()
        slopes = _slopes(factors, gradients[0])
        return slopes * factors * _before(hidden, start), slopes * log_terms.exp(), factors[:, 0] * slopes[:, 0]


def _prefixes(factors: Tensor, terms: Tensor, multiply: Join, add: Join) -> Tensor:
    """The terms of the joined steps 0 to t, for each t. factors, terms: [B, T, ...]."""
    steps = terms.shape[1]
    if steps == 1:
        return terms
    even, odd = slice(0, steps // 2 * 2, 2), slice(1, None, 2)
    joined = _prefixes(
        multiply(factors[:, odd], factors[:, even]),
        add(multiply(factors[:, odd], terms[:, even]), terms[:, odd]),
        multiply,
        add,
    )  # at the steps 1, 3, 5, ...
    found = torch.empty_like(terms)
    found[:, :1] = terms[:, :1]
    found[:, odd] = joined
    if steps > 2:
        rest = slice(2, None, 2)
        count = terms[:, rest].shape[1]
        found[:, rest] = add(multiply(factors[:, rest], joined[:, :count]), terms[:, rest])
    return found


def _slopes(factors: Tensor, gradients: Tensor) -> Tensor:
    """The gradient at each h_t with all that comes after it: s_t = gradients_t + factors_{t+1} s_{t+1}."""
    following = torch.cat((factors[:, 1:], torch.ones_like(factors[:, :1])), 1)
    return _prefixes(following.flip(1), gradients.flip(1), torch.mul, torch.add).flip(1)


def _before(hidden: Tensor, start: Tensor) -> Tensor:
    """h_{t-1} for each t."""
    return torch.cat((start[:, None], hidden[:, :-1]), 1)
