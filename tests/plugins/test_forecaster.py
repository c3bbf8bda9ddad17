"""The forecasters: their values by hand, and what their forecasts depend on."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from seqshell.core.state import leaves
from seqshell_forecaster.config import ForecasterConfig
from seqshell_forecaster.decoders import make_decoder
from seqshell_forecaster.forecasters import make_forecaster

SERIES = np.random.default_rng(0).normal(size=(2, 30, 2)).astype(np.float32)
KINDS = [
    {},
    {"window": 8, "segment": 4},
    {"cell": "lstm", "num_layers": 2},
    {"window": 6, "segment": 3, "cell": "rnn", "horizon": 7},
]


def module_of(**settings):
    torch.manual_seed(0)
    return make_forecaster(ForecasterConfig(**({"num_features": 2, "hidden_size": 8, "horizon": 5} | settings))).eval()


def decoder_of(module):
    return make_decoder(module.config, {name: value.numpy() for name, value in module.state_dict().items()})


def read(module, series):
    """The module's forecasts at every step: [B, T, K, F, Q]."""
    with torch.inference_mode():
        return module(torch.from_numpy(series), module.initial_state(len(series)))[0].numpy()


def set_weights(module, **weights):
    tensors = {name.replace("__", "."): torch.tensor(value, dtype=torch.float32) for name, value in weights.items()}
    module.load_state_dict(module.state_dict() | tensors)


def test_a_streaming_forecast_matches_a_calculation_by_hand():
    """h = tanh(.5 x + .25 h'); the next two values are x + 2 h and x - h + .1."""
    module = module_of(num_features=1, hidden_size=1, horizon=2, cell="rnn")
    set_weights(
        module,
        recurrent__0__weight_ih_l0=[[0.5]],
        recurrent__0__weight_hh_l0=[[0.25]],
        recurrent__0__bias_ih_l0=[0.0],
        recurrent__0__bias_hh_l0=[0.0],
        readout__weight=[[2.0], [-1.0]],
        readout__bias=[0.0, 0.1],
    )
    first = math.tanh(0.5 * 3)
    second = math.tanh(0.5 * 4 + 0.25 * first)
    series = np.array([[[3.0], [4.0]]], np.float32)

    assert read(module, series)[0, :, :, 0, 0] == pytest.approx(
        np.array([[3 + 2 * first, 3 - first + 0.1], [4 + 2 * second, 4 - second + 0.1]])
    )
    assert decoder_of(module).feed(series, np.zeros((1, 1, 1), np.float32))[0].ravel() == pytest.approx(
        [4 + 2 * second, 4 - second + 0.1]
    )


def test_a_window_forecast_matches_a_calculation_by_hand():
    """The last value is subtracted, tanh layers read max(0, a - b) of each segment (a, b), and each of the two segments
    of the horizon is a step whose input is the vector of its position."""
    module = module_of(num_features=1, hidden_size=1, horizon=3, window=4, segment=2, cell="rnn")
    set_weights(
        module,
        segment__weight=[[1.0, -1.0]],
        segment__bias=[0.0],
        recurrent__0__weight_ih_l0=[[1.0]],
        recurrent__0__weight_hh_l0=[[0.5]],
        recurrent__0__bias_ih_l0=[0.0],
        recurrent__0__bias_hh_l0=[0.0],
        places=[[0.1], [-0.2]],
        readout__weight=[[1.0], [3.0]],
        readout__bias=[0.0, 1.0],
    )
    series = np.array([[[5.0], [4.0], [7.0], [6.0]]], np.float32)  # minus 6: -1 -2 | 1 0, so both segments are 1
    hidden = math.tanh(1 + 0.5 * math.tanh(1))
    first, second = math.tanh(0.1 + 0.5 * hidden), math.tanh(-0.2 + 0.5 * hidden)
    expected = [6 + first, 6 + 3 * first + 1, 6 + second]

    assert read(module, series)[0, -1, :, 0, 0] == pytest.approx(expected)
    decoder = decoder_of(module)
    assert decoder.feed(series, decoder.initial_state(1))[0].ravel() == pytest.approx(expected)


@pytest.mark.parametrize("settings", KINDS)
def test_the_decoder_equals_the_model_and_quantiles_are_in_order(settings):
    module = module_of(quantiles=5, **settings)
    decoder, expected = decoder_of(module), read(module, SERIES)
    state = decoder.initial_state(2)
    for time in range(30):
        outputs, state = decoder.step(SERIES[:, time], state)
        assert np.abs(outputs - expected[:, time]).max() < 1e-5
        assert (np.diff(outputs, axis=-1) > 0).all()


@pytest.mark.parametrize("settings", KINDS)
def test_forecasts_do_not_depend_on_later_values(settings):
    module, changed = module_of(**settings), SERIES.copy()
    changed[:, 12:] += 100

    assert np.array_equal(read(module, SERIES)[:, :12], read(module, changed)[:, :12])
    assert not np.allclose(read(module, SERIES)[:, 12], read(module, changed)[:, 12] - 100, atol=1e-3)


def test_a_window_forecast_does_not_depend_on_values_before_the_window():
    module, changed = module_of(window=8, segment=4), SERIES.copy()
    changed[:, :10] = 7

    assert np.allclose(read(module, SERIES)[:, 17:], read(module, changed)[:, 17:], atol=1e-6)
    assert not np.allclose(read(module, SERIES)[:, 16], read(module, changed)[:, 16], atol=1e-3)


def test_a_window_that_is_not_full_is_filled_with_the_first_value():
    decoder = decoder_of(module_of(window=8, segment=4))
    outputs, state = decoder.feed(SERIES[:, :3], decoder.initial_state(2))
    padded = np.concatenate((np.repeat(SERIES[:, :1], 20, 1), SERIES[:, 1:3]), 1)

    assert np.array_equal(outputs, decoder.feed(padded, decoder.initial_state(2))[0])
    assert np.array_equal(state.values, padded[:, -8:])
    assert state.started.tolist() == [True, True]


@pytest.mark.parametrize("window", [0, 8])
def test_with_subtract_last_adding_a_constant_to_the_series_adds_it_to_the_forecast(window):
    shifted = read(module_of(window=window, segment=4), SERIES + np.float32(10)) - 10
    plain = read(module_of(window=window, segment=4), SERIES)

    if window:  # without one, the inputs are not differences
        assert np.allclose(shifted, plain, atol=1e-4)
    assert not np.allclose(
        read(module_of(window=window, segment=4, subtract_last=False), SERIES + np.float32(10)) - 10, plain, atol=0.1
    )


@pytest.mark.parametrize("window", [0, 8])
def test_a_readout_of_zeros_repeats_the_last_value(window):
    module = module_of(window=window, segment=4)
    for parameter in module.readout.parameters():
        torch.nn.init.zeros_(parameter)

    assert np.allclose(read(module, SERIES)[..., 0], np.repeat(SERIES[:, :, None], 5, 2))


@pytest.mark.parametrize("settings", KINDS)
def test_observe_returns_the_same_state_as_forward(settings):
    module = module_of(**settings)
    series, start = torch.from_numpy(SERIES), module.initial_state(2)
    with torch.inference_mode():
        observed, expected = module.observe(series, start), module(series, start)[1]

    for leaf, expected_leaf in zip(leaves(observed), leaves(expected), strict=True):
        assert torch.equal(leaf, expected_leaf)


def test_the_point_forecast_gets_no_gradient_from_the_other_quantiles():
    module = module_of(quantiles=3)
    outputs, _ = module(torch.from_numpy(SERIES), module.initial_state(2))
    outputs[..., 0].sum().backward()
    rows = module.readout.weight.grad.unflatten(0, (5, 2, 3))

    assert rows[:, :, 0].abs().sum() > 0
    assert rows[:, :, 1].abs().sum() == 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"window": 10, "segment": 4}, "window must be a multiple of segment, but they are 10 and 4"),
        ({"quantiles": 2}, "quantiles must be odd"),
        ({"num_features": 0}, "num_features must be at least 1, not 0"),
    ],
)
def test_invalid_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        ForecasterConfig(**({"num_features": 1} | settings))
