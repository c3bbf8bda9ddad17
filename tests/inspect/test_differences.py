"""Comparing two states: the measures equal those of numpy, and equal states have no difference."""

from __future__ import annotations

import math

import numpy as np
import pytest

from seqshell.core.events import StateDifference
from seqshell.decoding.probabilities import log_probs
from seqshell.inspect.addresses import find_state
from seqshell.inspect.differences import difference, divergence
from seqshell.session import Session
from seqshell.testing import tiny_classification_model, tiny_forecast_model


def compared(session, one, other):
    return difference(session, find_state(session, one), find_state(session, other))


def test_each_layer_is_compared_by_cosine_distance_and_its_most_different_units(odd):
    odd.feed("efgh")
    one, other = find_state(odd, "@4").state, find_state(odd, "here").state
    found = {each.part: each for each in compared(odd, "@4", "here").parts}
    a, b = one.layers[0, 1].astype(float), other.layers[0, 1].astype(float)

    part = found["layers[1]"]
    assert part.cosine == pytest.approx(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
    assert part.distance == pytest.approx(np.linalg.norm(a - b))
    order = np.argsort(-np.abs(a - b))
    assert [unit.unit for unit in part.units] == [f"layers[1,{place}]" for place in order]
    assert [(unit.a, unit.b) for unit in part.units] == [(one.layers[0, 1, place], b[place]) for place in order]
    assert found["keys"].note == "shapes [3, 4] and [3, 8]"
    assert found["keys"].cosine is None
    assert found["last"].distance == pytest.approx(np.linalg.norm(one.last[0] - other.last[0]))
    assert {"layers[0]", "phase", "started", "rest.0", "rest.1[0]", "rest.1[1]"} < set(found)


def test_the_divergence_is_that_of_the_two_distributions(tiny):
    tiny.feed("d")
    found = compared(tiny, "@3", "here")
    p, q = (np.exp(log_probs(find_state(tiny, each).outputs[0])) for each in ("@3", "here"))
    m = (p + q) / 2
    expected = (np.sum(p * np.log(p / m)) + np.sum(q * np.log(q / m))) / 2

    assert found.divergence == pytest.approx(expected)
    assert found.as_json()["js_bits"] == pytest.approx(expected / math.log(2))
    best = int(np.argmax(np.abs(p - q)))
    assert (found.tokens[0].text, found.tokens[0].prob_a) == (
        tiny.model.tokenizer.piece(best).decode(),
        pytest.approx(p[best]),
    )


def test_the_divergence_is_symmetric_and_between_0_and_ln_2():
    random = np.random.default_rng(0)
    for _ in range(50):
        one, other = random.dirichlet(np.ones(5), 2)
        assert divergence(one, other) == pytest.approx(divergence(other, one))
        assert 0 <= divergence(one, other) <= math.log(2)
    assert divergence(np.array([1.0, 0]), np.array([0, 1.0])) == pytest.approx(math.log(2))
    assert divergence(one, one) == 0


def test_equal_states_do_not_differ(odd):
    found = compared(odd, "here", "@4")

    assert [(each.distance, each.units) for each in found.parts] == [(0, ())] * len(found.parts)
    assert (found.divergence, found.tokens) == (0, ())


def test_infinite_numbers_and_zeros_are_compared(odd):
    one, other = find_state(odd, "here"), find_state(odd, "zero")
    one.state.phase[0, 1] = np.inf
    part = next(each for each in difference(odd, one, other).parts if each.part == "phase")

    assert part.units[0].unit == "phase[1]"
    assert (part.cosine, part.note) == (None, "no cosine: b is zero")
    assert difference(odd, other, other).parts[0].note == "no cosine: a and b are zero"
    assert part.distance == pytest.approx(np.linalg.norm(one.state.phase[0, [0, 2]]))


def test_labels_are_compared_by_their_names_and_forecasts_have_no_distribution():
    session = Session(tiny_classification_model())
    session.classify("abc")
    assert {each.text for each in compared(session, "zero", "here").tokens} <= set(session.model.labels)

    session = Session(tiny_forecast_model())
    session.observe([1.0, 5.0])
    found = compared(session, "zero", "here")
    assert (found.divergence, found.tokens) == (None, ())
    assert found.as_text().count("next token") == 0


def test_it_is_shown_as_tables_rows_and_json(odd):
    odd.feed("e")
    found = compared(odd, "@4", "here")
    title, header, *_ = found.as_text().splitlines()

    assert isinstance(found, StateDifference)
    assert title.startswith("a main@4 · b main@5 · next token: Jensen-Shannon divergence 0.")
    assert header.split() == ["part", "cosine", "L2", "most", "different", "a", "b", "note"]
    assert found.as_rows()[0] == ("part", "cosine", "l2", "unit", "a", "b")
    assert len(found.as_rows()) == len(found.parts) + 1
    phase = next(each for each in found.as_json()["parts"] if each["part"] == "phase")
    assert all(isinstance(unit["a"], str) for unit in phase["units"])
