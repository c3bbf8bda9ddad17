"""An optimizer step: schedules, clipping, averages, precision and devices."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import nn

from seqshell.training.optimizer import (
    choose_precision,
    find_device,
    learning_rate,
)
from seqshell.training.recipes.settings import TrainingSettings
from seqshell.training.weight_update import Optimizer, update_average

SETTINGS = TrainingSettings(learning_rate=1.0, warmup_steps=10, final_fraction=0.1)


def test_the_rate_warms_up_and_falls_along_half_a_cosine() -> None:
    rates = [learning_rate(SETTINGS, step, 110) for step in range(110)]

    assert rates[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert rates[10] == pytest.approx(1.0)
    assert rates[60] == pytest.approx(0.1 + 0.9 * 0.5)
    assert rates[-1] == pytest.approx(0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * 0.99)))
    assert all(later < earlier for earlier, later in pairwise(rates[10:]))


def test_a_constant_rate_stays_and_a_plateau_rate_is_scaled() -> None:
    assert learning_rate(replace(SETTINGS, schedule="constant"), 100, 110) == 1.0
    assert learning_rate(replace(SETTINGS, schedule="plateau"), 100, 110, 0.25) == 0.25
    assert learning_rate(replace(SETTINGS, schedule="constant", warmup_steps=0), 0, 110) == 1.0
    assert learning_rate(replace(SETTINGS, warmup_steps=500), 100, 110) == pytest.approx(101 / 500)


def test_gradients_are_clipped_by_norm_or_value_or_not_at_all() -> None:
    def moved(kind: torch.dtype = torch.float32, **settings: float) -> list[float]:
        """What a step at the rate 1 subtracts from two weights."""
        weight = nn.Parameter(torch.zeros(2, dtype=kind))
        weight.grad = torch.tensor([3.0, -4.0], dtype=kind)
        chosen = replace(TrainingSettings(clip_norm=0, optimizer="sgd", momentum=0, weight_decay=0), **settings)
        Optimizer([{"params": [weight], "lr": 1.0}], chosen).step()
        return [round(abs(value), 4) for value in weight.tolist()]

    assert moved() == [3, 4]
    assert moved(clip_norm=1.0) == [0.6, 0.8]
    assert moved(clip_norm=10.0) == [3, 4]
    assert moved(clip_value=2.0) == [2, 2]
    assert moved(torch.complex64, clip_norm=1.0) == [0.6, 0.8]


@pytest.mark.parametrize("kind", ["sgd", "adam", "adamw"])
@pytest.mark.parametrize("fused", [True, False])
def test_the_weights_are_those_of_torchs_optimizers_and_their_clipping(
    kind: str, fused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """30 updates of two groups and a complex weight; one weight gets its first gradient late."""
    if not fused:
        monkeypatch.setattr("seqshell.training.weight_update.FUSED", ())
    settings = TrainingSettings(optimizer=kind, momentum=0.9, weight_decay=0.1, beta1=0.8, clip_norm=0.5)
    draws = torch.Generator().manual_seed(1)
    start = [torch.randn(5, 3, generator=draws), torch.randn(70, dtype=torch.complex64, generator=draws), torch.ones(9)]
    gradients = [[torch.randn(each.shape, dtype=each.dtype, generator=draws) for each in start] for _ in range(30)]

    def groups(weights: list[nn.Parameter]) -> list[dict[str, Any]]:
        return [{"params": weights[:2]}, {"params": weights[2:], "lr": 0.03, "weight_decay": 0.0}]

    own, theirs = ([nn.Parameter(each.clone()) for each in start] for _ in range(2))
    options = {"momentum": 0.9} if kind == "sgd" else {"betas": (0.8, settings.beta2)}
    classes = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
    rival = classes[kind](groups(theirs), lr=settings.learning_rate, weight_decay=0.1, **options)
    optimizer = Optimizer(groups(own), settings)
    for step, each in enumerate(gradients):
        for weights in (own, theirs):
            for weight, gradient in zip(weights, each, strict=True):
                weight.grad = None if step < 3 and weight is weights[0] else gradient.clone()
        nn.utils.clip_grad_norm_(theirs, 0.5)
        rival.step()
        optimizer.step()

    for weight, expected, before in zip(own, theirs, start, strict=True):
        torch.testing.assert_close(weight, expected, rtol=1e-5, atol=1e-6)
        assert not torch.equal(weight, before)


def test_the_average_follows_the_weights_quickly_at_first_and_slowly_later() -> None:
    average, module = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
    for linear, value in ((average, 0.0), (module, 1.0)):
        nn.init.constant_(linear.weight, value)

    update_average(average, module, 0.999, 0)
    assert average.weight.item() == pytest.approx(0.9)
    update_average(average, module, 0.999, 1_000_000)
    assert average.weight.item() == pytest.approx(0.9 + 0.001 * 0.1)


def test_timing_precisions_changes_neither_weights_nor_random_states() -> None:
    module = nn.Linear(4, 4)
    before, drawn = module.weight.clone(), torch.random.get_rng_state()

    chosen = choose_precision(
        "auto", module, lambda trial: trial(torch.rand(3, 4)).square().sum().float(), torch.device("cpu")
    )

    assert chosen in ("float32", "bf16")
    assert torch.equal(module.weight, before)
    assert torch.equal(torch.random.get_rng_state(), drawn)
    assert module.weight.grad is None
    assert choose_precision("bf16", module, None, torch.device("cpu")) == "bf16"  # type: ignore[arg-type]  # not asked


def test_bf16_is_not_chosen_where_it_fails() -> None:
    def loss(module: nn.Module) -> torch.Tensor:
        if torch.is_autocast_enabled("cpu"):
            raise RuntimeError("not implemented for BFloat16")
        return module(torch.ones(1, 2)).sum()

    assert choose_precision("auto", nn.Linear(2, 1), loss, torch.device("cpu")) == "float32"


def test_a_missing_device_is_named() -> None:
    assert find_device("cpu") == torch.device("cpu")
    assert find_device("auto").type in ("cpu", "cuda", "mps")
    for name in ("gpu", "cuda:99"):
        with pytest.raises(ValueError, match=f"no device '{name}'"):
            find_device(name)
