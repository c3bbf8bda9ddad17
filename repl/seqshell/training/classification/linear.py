"""Logistic regression over bags of n-grams, trained to convergence.

The results do not depend on the number of threads: each sum is taken in a fixed order.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from seqshell.training.classification.bags import Bags

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
TOLERANCE = 1e-3  # the gradient has converged when its norm is this share of that at zero
MAX_ITERATIONS = 1000
HISTORY = 6  # steps that L-BFGS remembers
CURVATURE = 0.25  # upper bound of p (1 - p), the curvature of the loss by a logit
SUFFICIENT = 1e-4  # share of the expected decrease of the loss that a step must reach
SMOOTHING = 0.5  # that `naive_bayes_weights` adds to each count
SHORTEST_STEP = 1e-10


@dataclass(frozen=True)
class LinearModel:
    """weights: [F, C]; bias: [C]."""

    weights: Floats
    bias: Floats

    def logits(self, rows: SparseRows) -> Floats:
        """[R, C]."""
        found: Floats = rows @ self.weights + self.bias
        return found

    def mixed(self, factor: float, other: LinearModel, others: float) -> LinearModel:
        """The model whose logits are a factor times these, plus `others` times those of another model."""
        return LinearModel(factor * self.weights + others * other.weights, factor * self.bias + others * other.bias)


class SparseRows:
    """A sparse matrix [R, F] of float64 that multiplies dense ones."""

    def __init__(self, columns: Ints, values: Floats, starts: Ints, num: int) -> None:
        """Row r has values[starts[r] : starts[r + 1]] in the columns of the same places. num: F."""
        self.columns, self.values, self.starts, self.num = columns, values, starts, num
        with warnings.catch_warnings():  # torch calls its sparse matrices a beta version
            warnings.simplefilter("ignore", UserWarning)
            self._matrix = torch.sparse_csr_tensor(
                torch.from_numpy(starts),
                torch.from_numpy(columns),
                torch.from_numpy(values),
                size=(len(starts) - 1, num),
            )

    def __matmul__(self, dense: Floats) -> Floats:
        with _one_thread():
            product: Floats = (self._matrix @ torch.from_numpy(np.ascontiguousarray(dense))).numpy()
        return product

    def at(self, chosen: Ints) -> SparseRows:
        """These rows alone."""
        sizes = np.diff(self.starts)[chosen]
        starts = np.concatenate(([0], np.cumsum(sizes)))
        places = np.arange(starts[-1]) + np.repeat(self.starts[chosen] - starts[:-1], sizes)
        return SparseRows(self.columns[places], self.values[places], starts, self.num)

    @property
    def transposed(self) -> SparseRows:
        """[F, R]."""
        order = np.argsort(self.columns, kind="stable")
        rows = np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))
        ends = np.cumsum(np.bincount(self.columns, minlength=self.num))
        return SparseRows(rows[order], self.values[order], np.concatenate(([0], ends)), len(self.starts) - 1)


def unit_rows(bags: Bags, *, counted: bool = False) -> SparseRows:
    """The sets of n-grams, each row scaled to length 1; counted: their counts, divided by the root of their sum."""
    sizes = np.diff(bags.starts)
    totals = np.bincount(bags.rows, weights=bags.counts, minlength=len(sizes)) if counted else sizes
    values = np.repeat(1 / np.sqrt(np.maximum(1, totals)), sizes)
    return SparseRows(bags.ids, values * bags.counts if counted else values, bags.starts, bags.num)


def fit(
    rows: SparseRows,
    labels: Ints,
    num_classes: int,
    strength: float,
    *,
    importance: Floats | None = None,
    start: LinearModel | None = None,
) -> LinearModel:
    """The weights that minimise mean nats + squared weights / (2 strength R); the bias is free.

    L-BFGS (Liu & Nocedal 1989, https://doi.org/10.1007/BF01589116), preconditioned by a bound of the loss's curvature.
    importance: [R], by which the nats of each row are multiplied. start: where it begins; by default at zero.
    """
    size, decay = len(labels), 1 / (strength * len(labels))
    shares = np.full((size, 1), 1 / size) if importance is None else importance[:, None] / size
    expected = np.eye(num_classes)[labels]
    transposed = rows.transposed
    squares = np.bincount(rows.columns, weights=rows.values**2, minlength=rows.num)
    roots = np.sqrt(np.append(CURVATURE * squares / size + decay, CURVATURE))[:, None]  # [F + 1, 1]

    def loss(point: Floats) -> tuple[float, Floats]:
        """The loss and its gradient at point [F + 1, C]: weights and bias times `roots`."""
        values = point / roots
        logs = log_softmax(rows @ values[:-1] + values[-1])
        error = (np.exp(logs) - expected) * shares
        gradient = np.vstack((transposed @ error + decay * values[:-1], error.sum(0)))
        return decay / 2 * _dot(values[:-1], values[:-1]) - _dot(expected * shares, logs), gradient / roots

    zero = np.zeros((rows.num + 1, num_classes))
    least = TOLERANCE * np.sqrt(_dot(*[loss(zero)[1]] * 2))
    point = zero if start is None else np.vstack((start.weights, start.bias)) * roots
    found = _minimum(loss, point, least) / roots
    return LinearModel(found[:-1], found[-1])


def naive_bayes_weights(rows: SparseRows, labels: Ints, num_classes: int) -> LinearModel:
    """The log-probability of each n-gram by label, as in naive Bayes over sets of n-grams, with mean 0 over labels."""
    owners = np.repeat(np.arange(len(labels)), np.diff(rows.starts))
    cells = rows.columns * num_classes + labels[owners]
    counts = np.bincount(cells, minlength=rows.num * num_classes).reshape(rows.num, num_classes) + SMOOTHING
    logs = np.log(counts / counts.sum(0))
    return LinearModel(logs - logs.mean(1, keepdims=True), np.zeros(num_classes))


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Let torch use a single thread: the sums have one order, and small products are faster than with several."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _minimum(loss: Callable[[Floats], tuple[float, Floats]], point: Floats, least: float) -> Floats:
    """Minimise a convex function from `point` on, until the norm of its gradient is `least`."""
    value, gradient = loss(point)
    steps: list[tuple[Floats, Floats, float]] = []  # of the point and of the gradient, and 1 / their product
    for _ in range(MAX_ITERATIONS):
        if np.sqrt(_dot(gradient, gradient)) <= least:
            break
        direction = _direction(gradient, steps)
        slope, length = _dot(gradient, direction), 1.0
        while True:
            new = point + length * direction
            lower, steeper = loss(new)
            if lower <= value + SUFFICIENT * length * slope:
                break
            length /= 2
            if length < SHORTEST_STEP:  # rounding errors hide any further decrease
                return point
        moved, change = new - point, steeper - gradient
        product = _dot(moved, change)
        if product > 0:
            steps = [*steps, (moved, change, 1 / product)][-HISTORY:]
        point, value, gradient = new, lower, steeper
    return point


def _direction(gradient: Floats, steps: list[tuple[Floats, Floats, float]]) -> Floats:
    """Minus the gradient times the estimate of the inverse Hessian (Nocedal & Wright 2006, algorithm 7.4)."""
    direction, shares = -gradient, []
    for moved, change, inverse in reversed(steps):
        shares.append(inverse * _dot(moved, direction))
        direction -= shares[-1] * change
    if steps:
        _, change, inverse = steps[-1]
        direction /= inverse * _dot(change, change)
    for (moved, change, inverse), share in zip(steps, reversed(shares), strict=True):
        direction += (share - inverse * _dot(change, direction)) * moved
    return direction


def log_softmax(logits: Floats) -> Floats:
    """Log-probabilities of logits [R, C]."""
    shifted = logits - logits.max(1, keepdims=True)
    logs: Floats = shifted - np.log(np.exp(shifted).sum(1, keepdims=True))
    return logs


def _dot(first: Floats, second: Floats) -> float:
    """The sum of products, in an order that does not depend on threads, as that of np.dot may."""
    return float(np.einsum("ij,ij->", first, second))
