"""The forecasters: what they compute, by hand, and what their forecasts depend on."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

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
    """The forecasts at every step: [B, T, K, F, Q]."""
    with torch.inference_mode():
        return module(torch.from_numpy(series), module.initial_state(len(series)))[0].numpy()


def set_weights(module, **weights):
    tensors = {name.replace("__", "."): torch.tensor(value, dtype=torch.float32) for name, value in weights.items()}
    module.load_state_dict(module.state_dict() | tensors)


def test_a_forecast_with_a_carried_state_by_hand():
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


def test_a_forecast_from_a_window_by_hand():
    """Segments of two values less the last one: tanh over max(0, a - b), then a step for each segment of the horizon from its own vector."""
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
    series = np.array([[[5.0], [4.0], [7.0], [6.0]]], np.float32)  # less 6: -1 -2 | 1 0, and so both segments are 1
    hidden = math.tanh(1 + 0.5 * math.tanh(1))
    first, second = math.tanh(0.1 + 0.5 * hidden), math.tanh(-0.2 + 0.5 * hidden)
    expected = [6 + first, 6 + 3 * first + 1, 6 + second]

    assert read(module, series)[0, -1, :, 0, 0] == pytest.approx(expected)
    decoder = decoder_of(module)
    assert decoder.feed(series, decoder.initial_state(1))[0].ravel() == pytest.approx(expected)


@pytest.mark.parametrize("settings", KINDS)
def test_a_decoder_is_its_module_and_keeps_the_order_of_the_quantiles(settings):
    module = module_of(quantiles=5, **settings)
    decoder, expected = decoder_of(module), read(module, SERIES)
    state = decoder.initial_state(2)
    for time in range(30):
        outputs, state = decoder.step(SERIES[:, time], state)
        assert np.abs(outputs - expected[:, time]).max() < 1e-5
        assert (np.diff(outputs, axis=-1) > 0).all()


@pytest.mark.parametrize("settings", KINDS)
def test_no_forecast_depends_on_what_comes_later(settings):
    module, changed = module_of(**settings), SERIES.copy()
    changed[:, 12:] += 100

    assert np.array_equal(read(module, SERIES)[:, :12], read(module, changed)[:, :12])
    assert not np.allclose(read(module, SERIES)[:, 12], read(module, changed)[:, 12] - 100, atol=1e-3)


def test_a_window_forgets_what_was_before_it():
    module, changed = module_of(window=8, segment=4), SERIES.copy()
    changed[:, :10] = 7

    assert np.allclose(read(module, SERIES)[:, 17:], read(module, changed)[:, 17:], atol=1e-6)
    assert not np.allclose(read(module, SERIES)[:, 16], read(module, changed)[:, 16], atol=1e-3)


def test_a_window_that_is_not_full_holds_the_first_value_as_often_as_it_takes():
    decoder = decoder_of(module_of(window=8, segment=4))
    outputs, state = decoder.feed(SERIES[:, :3], decoder.initial_state(2))
    padded = np.concatenate((np.repeat(SERIES[:, :1], 20, 1), SERIES[:, 1:3]), 1)

    assert np.array_equal(outputs, decoder.feed(padded, decoder.initial_state(2))[0])
    assert np.array_equal(state.values, padded[:, -8:])
    assert state.started.tolist() == [True, True]


@pytest.mark.parametrize("window", [0, 8])
def test_a_series_that_is_lifted_has_a_forecast_that_is_lifted_by_as_much_where_the_last_value_is_subtracted(window):
    lifted = read(module_of(window=window, segment=4), SERIES + np.float32(10)) - 10
    plain = read(module_of(window=window, segment=4), SERIES)

    if window:
        assert np.allclose(lifted, plain, atol=1e-4)
    assert not np.allclose(
        read(module_of(window=window, segment=4, subtract_last=False), SERIES + np.float32(10)) - 10, plain, atol=0.1
    )


@pytest.mark.parametrize("window", [0, 8])
def test_a_read_out_of_zeros_repeats_the_last_value(window):
    module = module_of(window=window, segment=4)
    for parameter in module.readout.parameters():
        torch.nn.init.zeros_(parameter)

    assert np.allclose(read(module, SERIES)[..., 0], np.repeat(SERIES[:, :, None], 5, 2))


@pytest.mark.parametrize("settings", KINDS)
def test_observing_is_reading_without_forecasts(settings):
    module = module_of(**settings)
    series, start = torch.from_numpy(SERIES), module.initial_state(2)
    with torch.inference_mode():
        seen, expected = module.observe(series, start), module(series, start)[1]

    for one, other in zip(
        seen if isinstance(seen, tuple) else (seen,),
        expected if isinstance(expected, tuple) else (expected,),
        strict=True,
    ):
        assert torch.equal(one, other)


def test_the_point_is_learnt_by_its_own_loss_alone():
    """The interval may learn from the point, but not pull at it."""
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
def test_settings_that_cannot_be_are_told(settings, message):
    with pytest.raises(ValueError, match=message):
        ForecasterConfig(**({"num_features": 1} | settings))
