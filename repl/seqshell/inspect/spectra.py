"""The eigenvalues of d state'/d state: what one step keeps, shrinks or lets grow near a state."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from seqshell.core.events import Spectrum
from seqshell.inspect.jacobian import SAMPLE, StepFunction, Vectors

DENSE = 1024  # numbers of a state up to which all eigenvalues are computed
LEADING = 24  # eigenvalues of a larger state
KRYLOV = 240  # steps of the Arnoldi iteration at most
CHECKED = 40  # steps between two looks at what has converged
ROUNDING = 1e-13  # of a difference of two numbers, relative to them
CONVERGED = 1e-3  # residual of an eigenvalue, relative to it


class SpectrumSearch:
    """The spectrum of one step at a state. `steps` computes it; `done` of `total` units of work is its progress.

    All eigenvalues of a state of up to DENSE numbers, else the LEADING ones in absolute value, by the Arnoldi iteration
    (Saad 2011, Numerical Methods for Large Eigenvalue Problems, chapter 6).
    """

    def __init__(self, function: StepFunction) -> None:
        self._function = function
        self.is_dense = function.size <= DENSE
        self.total = function.size if self.is_dense else min(KRYLOV, function.size)
        self.done = 0
        self.eigenvalues: NDArray[np.complex128] = np.zeros(0, np.complex128)
        self.error = 0.0

    def steps(self) -> Iterator[None]:
        """Compute; yields between parts of the work."""
        yield from self._all() if self.is_dense else self._leading()
        self.eigenvalues = _sorted(self.eigenvalues)

    def spectrum(self, token: str, position: int) -> Spectrum:
        """The event. token: that the step read; position: of the state."""
        function = self._function
        values = tuple(map(complex, self.eigenvalues))
        left_out = tuple(function.left_out)
        return Spectrum(values, function.size, token, position, self.error, left_out, is_complete=self.is_dense)

    def _all(self) -> Iterator[None]:
        jacobian = np.empty((self._function.size,) * 2)
        for done, error in self._function.fill(jacobian):
            self.done, self.error = done, error
            yield
        self.eigenvalues = eigenvalues(jacobian, self.error)

    def _leading(self) -> Iterator[None]:
        """The Arnoldi iteration from a random vector, until enough has converged."""
        function, random = self._function, np.random.default_rng(0)
        sample = random.normal(size=(SAMPLE, function.size))
        sample /= np.linalg.norm(sample, axis=1, keepdims=True)
        change, self.error = function.best_change(sample)
        basis = np.zeros((self.total + 1, function.size))
        basis[0] = sample[0]
        hessenberg = np.zeros((self.total + 1, self.total))
        while self.done < self.total:
            step = self.done
            vector = function.derivatives(basis[step : step + 1], change)[0]
            for _ in range(2):  # once is not enough to be orthogonal in floating point
                overlaps = basis[: step + 1] @ vector
                hessenberg[: step + 1, step] += overlaps
                vector = vector - overlaps @ basis[: step + 1]
            rest = hessenberg[step + 1, step] = float(np.linalg.norm(vector))
            self.done = step + 1
            is_invariant = rest <= max(self.error, 1e-12) * float(np.linalg.norm(hessenberg[: step + 2, step]))
            if is_invariant or self.done == self.total or self.done % CHECKED == 0:
                square = hessenberg[: self.done, : self.done]
                self.eigenvalues, number = _ritz(square, 0.0 if is_invariant else rest)
                if is_invariant or number >= LEADING:
                    self.done = self.total
                    return
            basis[step + 1] = vector / rest
            yield


def eigenvalues(matrix: Vectors, error: float = 0.0) -> NDArray[np.complex128]:
    """All eigenvalues of a matrix [N, N]. error: the size of its noise, relative to its largest entry.

    They are those of its irreducible blocks, between which nothing returns. Without that, the noise would move the
    eigenvalues of a register of n shifted values, which are 0, to a circle of the radius error^(1/n).
    """
    limit = max(error, ROUNDING) * float(np.abs(matrix).max(initial=0.0))
    is_linked = (np.abs(matrix) > limit) | np.eye(len(matrix), dtype=bool)
    while True:  # squared until it says what is linked in any number of steps
        counts = is_linked.astype(np.float32)
        further = counts @ counts > 0
        if np.array_equal(further, is_linked):
            break
        is_linked = further
    firsts = (is_linked & is_linked.T).argmax(1)  # the first member of the block of each
    blocks = (np.flatnonzero(firsts == first) for first in np.unique(firsts))
    found = [np.linalg.eigvals(matrix[np.ix_(block, block)]) for block in blocks]
    values = np.concatenate([np.zeros(0), *found]).astype(np.complex128)
    values[np.abs(values) <= limit] = 0
    return values


def _ritz(hessenberg: Vectors, residual: float) -> tuple[NDArray[np.complex128], int]:
    """The leading eigenvalues that have converged, and how many they are; the largest alone if none has."""
    values, vectors = np.linalg.eig(hessenberg)
    order = np.argsort(-np.abs(values), kind="stable")[:LEADING]
    residuals = residual * np.abs(vectors[-1, order]) / np.linalg.norm(vectors[:, order], axis=0)
    is_good = residuals <= CONVERGED * np.maximum(np.abs(values[order]), 1e-12)
    number = len(order) if is_good.all() else int(np.argmin(is_good))
    return values[order[: max(1, number)]].astype(np.complex128), number


def _sorted(values: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """By absolute value, the largest first; of a pair, the positive imaginary part first."""
    return values[np.lexsort((-values.imag, -values.real, -np.abs(values).round(12)))]
