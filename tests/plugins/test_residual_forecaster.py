"""The forecaster with a linear part: its values by hand, its interval, and its states."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from seqshell.core.state import leaves
from seqshell.host import Policy
from seqshell.host.builtin import load_registry
from seqshell.testing import check_architecture, failed
from seqshell_forecaster.config import RECENT, ForecasterConfig
from seqshell_forecaster.decoders import make_decoder
from seqshell_forecaster.forecasters import make_forecaster
from seqshell_forecaster.residual import make_model

SERIES = np.random.default_rng(0).normal(size=(2, 60, 2)).astype(np.float32)
KINDS = [
    {},
    {"window": 8, "segment": 4, "quantiles": 3},
    {"cell": "lstm", "subtract_last": False, "quantiles": 5},
    {"horizon": 1, "quantiles": 3},
    {"linear_window": 1, "quantiles": 3},
]


def module_of(**settings):
    torch.manual_seed(0)
    config = {"num_features": 2, "hidden_size": 8, "horizon": 5, "linear_window": 6} | settings
    return make_model(ForecasterConfig(**config)).eval()


def fitted(**settings):
    module = module_of(**settings)
    with torch.no_grad():
        for tensor in (module.linear.weight, module.linear.bias):
            tensor.normal_(0, 0.3)
        for tensor in (module.scale, module.usual_error):
            tensor.uniform_(0.5, 2)
    return module


def decoder_of(module):
    return make_decoder(module.config, {name: value.numpy() for name, value in module.state_dict().items()})


def read(module, series):
    """The module's forecasts at every step: [B, T, K, F, Q]."""
    with torch.inference_mode():
        return module(torch.from_numpy(series), module.initial_state(len(series)))[0].numpy()


def test_without_a_linear_window_the_model_is_the_recurrent_forecaster_alone():
    settings = {"num_features": 2, "hidden_size": 8, "horizon": 5}
    alone = make_forecaster(ForecasterConfig(**settings))

    assert make_model(ForecasterConfig(**settings)).state_dict().keys() == alone.state_dict().keys()


def test_a_linear_forecast_matches_a_calculation_by_hand():
    """Of the window 1, 4, 6: the next values are 6 + .5 (1 - 6) + .25 (4 - 6) + .1 and 6 + 1 (4 - 6) - 2 (6)."""
    module = module_of(num_features=1, horizon=2, linear_window=3)
    module.set_linear(torch.tensor([[0.5, 0.25, 0.0], [0.0, 1.0, -2.0]]), torch.tensor([0.1, 0.0]))
    series = np.array([[[9.0], [1.0], [4.0], [6.0]]], np.float32)

    assert read(module, series)[0, -1, :, 0, 0] == pytest.approx([6 - 2.5 - 0.5 + 0.1, 6 - 2 - 12])


def test_the_recurrent_part_adds_its_change_times_the_scale():
    module, settings = fitted(horizon=2), {"num_features": 2, "hidden_size": 8, "horizon": 2}
    alone = make_forecaster(ForecasterConfig(**settings))
    alone.load_state_dict(module.recurrent.state_dict())
    with torch.inference_mode():
        change = read(alone, SERIES) - SERIES[:, :, None, :, None]
    both = read(module, SERIES)
    module.set_linear(module.linear.weight.clone(), module.linear.bias.clone())

    assert both - read(module, SERIES) == pytest.approx(module.scale.numpy() * change, abs=1e-5)


@pytest.mark.parametrize("settings", KINDS)
def test_the_decoder_equals_the_model(settings):
    module = fitted(**settings)
    decoder, expected = decoder_of(module), read(module, SERIES)
    state = decoder.initial_state(2)
    for time in range(60):
        outputs, state = decoder.step(SERIES[:, time], state)
        assert np.abs(outputs - expected[:, time]).max() < 1e-5
    outputs, state = decoder.feed(SERIES[:, :20], decoder.initial_state(2))
    assert np.abs(decoder.feed(SERIES[:, 20:], state)[0] - expected[:, -1]).max() < 1e-5


@pytest.mark.parametrize("settings", KINDS)
def test_observe_returns_the_same_state_as_forward(settings):
    module = fitted(**settings)
    series, start = torch.from_numpy(SERIES), module.initial_state(2)
    with torch.inference_mode():
        observed, expected = module.observe(series, start), module(series, start)[1]

    for leaf, expected_leaf in zip(leaves(observed), leaves(expected), strict=True):
        assert torch.equal(leaf, expected_leaf)


def test_the_interval_is_wider_after_large_errors_and_usual_before_any():
    """Errors are 9 times the usual size: after RECENT of them, distances are 9 times as long."""
    module = module_of(num_features=1, linear_window=1, quantiles=3)
    module.set_linear(torch.zeros(5, 1), torch.zeros(5))
    module.set_scale(torch.ones(5, 1, 3), torch.tensor([[1.0], [5.0]]))
    series = np.cumsum(np.full((1, RECENT + 5, 1), 9.0, np.float32), 1)
    forecasts = read(module, series)[0, :, :, 0]  # [T, K, Q]
    widths = (forecasts[..., 2] - forecasts[..., 0]) / (forecasts[0, :, 2] - forecasts[0, :, 0])
    first, last = (1 + 8 * (np.arange(RECENT + 5) - unknown).clip(0, RECENT) / RECENT for unknown in (0, 4))

    assert forecasts[..., 1] == pytest.approx(np.repeat(series[0], 5, 1))
    assert widths[:, 0] == pytest.approx(first, rel=1e-4)
    assert widths[:, 4] == pytest.approx(last, rel=1e-4)
    assert widths[:, 1] == pytest.approx(first + (last - first) / 4, rel=1e-4)


def test_the_linear_part_has_no_gradient_and_quantiles_do_not_train_the_point():
    module = fitted(quantiles=3)
    outputs, _ = module(torch.from_numpy(SERIES), module.initial_state(2))
    outputs[..., 0].sum().backward()
    rows = module.recurrent.readout.weight.grad.unflatten(0, (5, 2, 3))

    assert rows[:, :, 0].abs().sum() > 0
    assert rows[:, :, 1].abs().sum() == 0
    assert module.linear.weight.grad is None


@pytest.mark.parametrize("settings", [{}, {"window": 8, "segment": 4}])
def test_it_passes_all_checks_of_an_architecture(settings):
    architecture = load_registry(Policy(no_plugins=True)).architectures["forecaster"]
    config = {"hidden_size": 8, "horizon": 4, "quantiles": 3, "linear_window": 5} | settings

    assert failed(check_architecture(architecture, config)) == []
