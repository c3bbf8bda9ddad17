"""Forecast sessions: values are observed and forecast from, and invalid ones are refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.session.series_sessions import VALUES, new_session

from seqshell.core.errors import PluginError, UsageError, VocabularyError
from seqshell.session import Session
from seqshell.testing import tiny_forecast_model, tiny_model


def expected(model, rows):
    """The quantiles [K, F, Q] after these rows, computed by the decoder itself."""
    series = model.series
    mean, std = np.array(series.mean), np.array(series.std)
    inputs = ((np.array(rows, np.float64).reshape(1, -1, len(mean)) - mean) / std).astype(np.float32)
    outputs, _ = model.decoder.feed(inputs, model.decoder.initial_state(1))
    return outputs[0].astype(np.float64) * std[:, None] + mean[:, None]


def test_a_forecast_is_the_decoders_output_for_the_normalised_values():
    model = tiny_forecast_model()
    session = new_session(model)
    assert session.observe("9.8, 9.9 10.2") == 3
    forecast = session.forecast()
    quantiles = expected(model, VALUES)

    np.testing.assert_allclose(forecast.low, quantiles[..., 0], rtol=1e-6)
    np.testing.assert_allclose(forecast.values, quantiles[..., 1], rtol=1e-6)
    np.testing.assert_allclose(forecast.high, quantiles[..., 2], rtol=1e-6)
    assert forecast.history.tolist() == [[9.8], [9.9], [10.2]]
    assert (forecast.columns, forecast.interval, forecast.position, forecast.branch) == (
        ("value",),
        (0.1, 0.9),
        3,
        "main",
    )


def test_fewer_steps_are_the_first_steps_and_nothing_moves():
    session = new_session()
    session.observe(VALUES)
    before = session.here
    assert session.forecast(2).values.tolist() == session.forecast().values[:2].tolist()
    assert session.here is before
    assert session.ids() == [0, 1, 2]


def test_each_column_is_normalised_by_its_own_scale():
    model = tiny_forecast_model(("load", "OT"), quantiles=())
    model = replace(model, series=replace(model.series, mean=(10.0, 100.0), std=(2.0, 30.0)))
    session = new_session(model)
    rows = [[9.0, 120.0], [11.0, 80.0]]
    session.observe(rows)
    forecast = session.forecast()

    np.testing.assert_allclose(forecast.values, expected(model, rows)[..., 0], rtol=1e-6)
    assert forecast.low is forecast.high is None
    assert forecast.interval == ()


def test_a_one_step_model_is_stepped_on_its_own_forecasts():
    model = tiny_forecast_model(horizon=1, quantiles=())
    session = new_session(model)
    session.observe(VALUES)
    forecast = session.forecast(5)
    rows = [[value] for value in VALUES]
    for value in forecast.values:
        np.testing.assert_allclose(value, expected(model, rows)[0, :, 0], rtol=1e-5)
        rows.append(value)
    assert session.position == 3


def test_a_stepped_forecast_has_an_interval_for_the_first_step_only():
    session = new_session(horizon=1)
    session.observe(VALUES)
    forecast = session.forecast(3)

    assert np.isfinite(forecast.low[0]).all()

    assert np.isfinite(forecast.high[0]).all()
    assert np.isnan(forecast.low[1:]).all()
    assert np.isnan(forecast.high[1:]).all()


def test_more_steps_than_the_horizon_are_refused():
    session = new_session()
    session.observe(VALUES)
    for steps in (0, 5, -1):
        with pytest.raises(UsageError, match=f"tiny forecasts 1 to 4 steps, not {steps}$") as raised:
            session.forecast(steps)
        assert raised.value.hint.startswith(f"/forecast {4 if steps == 5 else 1},")
    with pytest.raises(UsageError, match=r"forecasts 1 to 10,000 steps, not 10,001$"):
        new_session(horizon=1).behaviour.check_steps(10_001)


def test_crossing_quantiles_still_give_an_interval_around_the_median():
    model = tiny_forecast_model()
    model.decoder.spread = -model.decoder.spread
    session = new_session(model)
    session.observe(VALUES)
    forecast = session.forecast()
    assert (forecast.low < forecast.values).all()
    assert (forecast.values < forecast.high).all()


def test_the_history_of_a_forecast_grows_with_its_steps():
    session = new_session(horizon=20)
    session.observe(range(200))
    assert session.forecast(4).history[:, 0].tolist() == list(range(152, 200))
    assert session.forecast(20).history[:, 0].tolist() == list(range(140, 200))


def test_a_forecast_of_an_empty_series_says_what_to_type():
    with pytest.raises(UsageError) as raised:
        new_session().forecast()
    assert raised.value.message == (
        "tiny has observed nothing yet; write values separated by spaces or commas, oldest first, "
        "such as 10 10.5 11.5 11 10 9.5"
    )
    assert raised.value.hint == "/forecast --example begins with the 8 values of the model's example"
    with pytest.raises(
        UsageError, match=r"2 for each step \(load, OT\), oldest first, such as 10 11 10.5 11.5 11.5 12.5$"
    ):
        new_session(columns=("load", "OT")).forecast()


@pytest.mark.parametrize("wrong", ["9.8 warm", "9.8,,9.9", [1.0, float("nan")], "1e30"])
def test_invalid_values_change_nothing(wrong):
    session = new_session()
    session.observe("9.8")
    with pytest.raises((UsageError, VocabularyError)):
        session.observe(wrong)
    assert session.position == 1
    assert session.text().text == "9.8"


def test_a_value_far_from_the_training_data_is_refused():
    with pytest.raises(
        UsageError,
        match=r"1e\+30 is too far from the training data: value has the mean 10 and the standard deviation 2",
    ):
        new_session().observe("9.8 1e30")


# Refusals


def test_a_series_ends_with_its_last_eight_values():
    session = new_session()
    session.observe([[float(value)] for value in range(30)])
    assert session.rewind(20).position == 20
    assert session.tail.split() == [str(value) for value in range(12, 20)]


def test_a_forecaster_generates_no_text_and_a_language_model_forecasts_nothing():
    session = new_session()
    session.observe(VALUES)
    with pytest.raises(
        UsageError, match="tiny forecasts numbers and cannot generate text; write values, or use /forecast"
    ):
        next(session.generate(5))
    with pytest.raises(UsageError, match="forecasts numbers and cannot predict the next token"):
        session.top()
    with pytest.raises(UsageError, match="forecasts numbers and cannot predict the next token"):
        session.score("1")
    for call in (lambda other: other.forecast(), lambda other: other.observe("1")):
        with pytest.raises(UsageError, match="tiny does not forecast; /models lists the models that do"):
            call(Session(tiny_model()))


@pytest.mark.parametrize(
    ("outputs", "reason"),
    [
        (np.zeros((1, 4, 1)), r"returned outputs of the shape \[1, 4, 1\] instead of \[1, 4, 1, 3\]"),
        (np.full((1, 4, 1, 3), np.nan), "returned NaN"),
        (np.full((1, 4, 1, 3), -np.inf), "returned infinite values"),
    ],
)
def test_a_forecaster_with_invalid_outputs_is_named(outputs, reason):
    model = tiny_forecast_model()
    model.decoder.feed = lambda inputs, state: (outputs, state)
    session = new_session(model)
    with pytest.raises(PluginError, match=f"the model tiny {reason}"):
        session.observe(VALUES)
    assert session.position == 0


def test_an_interrupt_ends_a_stepped_forecast_early():
    model = tiny_forecast_model(horizon=1)
    session = new_session(model)
    session.begin_turn()
    session.observe(VALUES)
    step, calls = model.decoder.step, []

    def interrupting(inputs, state):
        calls.append(len(inputs))
        if len(calls) == 3:
            session.interrupt()
        return step(inputs, state)

    model.decoder.step = interrupting
    assert len(session.forecast(100).values) == 4
