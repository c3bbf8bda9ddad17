"""The spectrum of a step: equal to numpy's for models whose Jacobian is known, and for every kind of leaf."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from seqshell.core.errors import UsageError
from seqshell.core.state import leaves, map_leaves, replace_leaves
from seqshell.inspect.jacobian import StepFunction
from seqshell.inspect.spectra import SpectrumSearch, eigenvalues
from seqshell.session import Session
from seqshell.testing import tiny_model
from seqshell.testing.tiny_language_model import TinyDecoder


class LinearDecoder:
    """h' = A h + E[token], in two leaves: the first half of h and the second. A is [N, N] of any floats."""

    def __init__(self, matrix, vocab_size):
        self.matrix, self.half = matrix, len(matrix) // 2
        random = np.random.default_rng(1)
        self.embedding = random.normal(size=(vocab_size, len(matrix))).astype(matrix.dtype)
        self.readout = random.normal(size=(len(matrix), vocab_size)).astype(np.float32)

    def initial_state(self, batch_size=1):
        return self._split(np.zeros((batch_size, len(self.matrix)), self.matrix.dtype))

    def step(self, inputs, state):
        hidden = np.concatenate(state, 1) @ self.matrix.T + self.embedding[inputs]
        return hidden.astype(np.float32) @ self.readout, self._split(hidden)

    def feed(self, inputs, state):
        for column in inputs.T:
            outputs, state = self.step(column, state)
        return outputs, state

    def _split(self, hidden):
        return hidden[:, : self.half], hidden[:, self.half :]


def linear(matrix):
    model = tiny_model()
    session = Session(replace(model, decoder=LinearDecoder(matrix, model.tokenizer.size)))
    session.feed("abc")
    return session


def spectrum(session, token=3):
    search = SpectrumSearch(StepFunction(session.behaviour.cursor, session.state, token))
    assert len(list(search.steps())) > 0
    assert search.done == search.total
    return search.spectrum("c", session.position)


def sorted_values(values):
    return np.array(sorted(values, key=lambda each: (-round(abs(each), 4), -round(each.imag, 4), -each.real)))


@pytest.mark.parametrize(("kind", "accuracy"), [(np.float64, 1e-10), (np.float32, 1e-5)])
def test_the_eigenvalues_of_a_linear_recurrence_are_those_of_numpy(kind, accuracy):
    matrix = np.random.default_rng(0).normal(0, 0.3, (12, 12)).astype(kind)
    found = spectrum(linear(matrix))

    np.testing.assert_allclose(
        sorted_values(found.eigenvalues), sorted_values(np.linalg.eigvals(matrix.astype(np.float64))), atol=accuracy
    )
    assert found.radius == pytest.approx(np.abs(np.linalg.eigvals(matrix)).max(), rel=1e-4)
    assert found.error < accuracy
    assert (found.size, found.is_complete, found.left_out) == (12, True, ())


def test_time_constants_are_in_tokens():
    rows = spectrum(linear(np.diag([0.9, 0.5, -0.25, 0]))).as_json()["eigenvalues"]

    assert [row["time_constant"] for row in rows] == pytest.approx([-1 / math.log(x) for x in (0.9, 0.5, 0.25)] + [0])
    assert [row["period"] for row in rows] == [None, None, pytest.approx(2), None]
    turning = np.array([[np.cos(0.5), -np.sin(0.5)], [np.sin(0.5), np.cos(0.5)]])
    found = spectrum(linear(1.25 * turning))
    assert found.as_json()["eigenvalues"][0]["period"] == pytest.approx(4 * np.pi)
    assert found.as_json()["eigenvalues"][0]["time_constant"] is None
    assert "spectral radius 1.25, grows · 2 of 2 eigenvalues, 2 of them outside" in found.as_text()


def test_a_nonlinear_step_is_differentiated_at_the_state_for_the_token(tiny):
    decoder = tiny.model.decoder
    found = spectrum(tiny, token=5)
    after = decoder.step(np.array([5]), tiny.state.astype(np.float64))[1][0]
    expected = np.linalg.eigvals((1 - after**2)[:, None] * decoder.recurrent.T.astype(np.float64))

    np.testing.assert_allclose(sorted_values(found.eigenvalues), sorted_values(expected), atol=2e-5)
    assert found.error < 1e-5


def test_the_leading_eigenvalues_of_a_large_state_are_those_of_numpy():
    random = np.random.default_rng(0)
    values = np.concatenate([np.linspace(1.2, 0.8, 30), random.uniform(-0.5, 0.5, 1070)])
    above = np.triu(random.normal(0, 0.01, (1100, 1100)), 1)
    found = spectrum(linear(np.diag(values) + above))

    assert (found.size, found.is_complete, len(found.eigenvalues)) == (1100, False, 24)
    np.testing.assert_allclose([each.real for each in found.eigenvalues], values[:24], rtol=1e-3)
    assert "the 24 largest of 1,100 eigenvalues" in found.as_text()


def test_what_only_passes_on_values_has_no_eigenvalues_besides_0():
    """Noise of 1e-16 would move those of a register of 300 values to a circle of the radius 0.88."""
    found = spectrum(linear(np.eye(300, k=1)))

    assert found.radius == 0
    noisy = np.eye(200, k=1) + np.random.default_rng(0).uniform(-1e-9, 1e-9, (200, 200))
    assert np.abs(eigenvalues(noisy)).max() > 0.8
    assert np.abs(eigenvalues(noisy, 1e-8)).max() == 0


def test_every_kind_of_leaf_takes_part_or_is_named(odd):
    found = spectrum(odd)

    assert dict(found.left_out) == {
        "keys": "grows",
        "last": "is whole numbers",
        "started": "is whole numbers",
    }
    assert found.size == 2 * 3 + 2 * 3 + 1 + 8  # layers, phase (complex: two numbers each), rest
    turning = [each for each in found.eigenvalues if abs(each.imag) > 0.1]
    assert sorted(each.imag for each in turning) == pytest.approx([-np.sin(0.5)] * 3 + [np.sin(0.5)] * 3, abs=1e-5)
    assert sum(abs(each - 1) < 1e-5 for each in found.eigenvalues) == 9  # sums keep what they have
    assert found.as_text().endswith("left out: keys grows, last is whole numbers, started is whole numbers")


class PeakDecoder(TinyDecoder):
    """The tiny decoder, and the largest h so far of two units, of which the second is never updated."""

    def initial_state(self, batch_size=1):
        return super().initial_state(batch_size), np.full((batch_size, 2), -np.inf, np.float32)

    def step(self, inputs, state):
        outputs, hidden = super().step(inputs, state[0])
        seen = np.stack([hidden[:, 0], np.full(len(inputs), -np.inf, np.float32)], 1)
        return outputs, (hidden, np.maximum(state[1], seen))


def test_infinite_numbers_are_left_out():
    session = Session(replace(tiny_model(), decoder=PeakDecoder(tiny_model().tokenizer.size)))
    session.feed("abc")
    found = StepFunction(session.behaviour.cursor, session.state, 3)

    assert (found.size, found.left_out) == (9, [("1", "has an infinite number")])


class CountingDecoder(TinyDecoder):
    """The state is the number of tokens."""

    def initial_state(self, batch_size=1):
        return np.zeros((batch_size, 1), np.int64)

    def step(self, inputs, state):
        return self.embedding[inputs] @ self.readout, state + 1


def test_a_state_without_numbers_to_differentiate_is_refused():
    session = Session(replace(tiny_model(), decoder=CountingDecoder(tiny_model().tokenizer.size)))
    with pytest.raises(UsageError, match="tiny has no numbers to differentiate: 0 is whole numbers"):
        StepFunction(session.behaviour.cursor, session.state, 3)


def test_models_of_others_have_a_spectrum(third_party):
    """That of mingru is what its gates keep; selective is differentiated in float64, as it computes then."""
    found, state, decoder = spectrum(third_party), third_party.state, third_party.model.decoder
    if third_party.model.name == "mingru":
        expected = decoder.trace(np.array([[3]]), state)[2]["forget"].ravel()
    else:
        wide = map_leaves(lambda leaf: leaf.astype(np.float64), state)
        shapes = [leaf.shape for leaf in leaves(wide)]
        start = np.concatenate([leaf.ravel() for leaf in leaves(wide)])

        def step(vector):
            parts = np.split(vector, np.cumsum([math.prod(shape) for shape in shapes])[:-1])
            moved = replace_leaves(wide, (part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)))
            return np.concatenate([leaf.ravel() for leaf in leaves(decoder.step(np.array([3]), moved)[1])])

        columns = [(step(start + move) - step(start - move)) / 2e-5 for move in np.eye(len(start)) * 1e-5]
        expected = np.abs(eigenvalues(np.array(columns).T, 1e-6))
    assert found.size == len(expected)
    np.testing.assert_allclose(np.sort(np.abs(found.eigenvalues)), np.sort(expected), atol=2e-4)
