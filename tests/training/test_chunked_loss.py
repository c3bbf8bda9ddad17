"""The loss of a large vocabulary in parts: the values and gradients of computing all logits together."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from seqshell.core.tokenizers import PAD
from seqshell.host import Registry, resolve
from seqshell.training import chunked_loss
from seqshell.training.chunked_loss import sequence_loss
from seqshell.training.optimizer import autocast

TOKENS = torch.tensor([[3, 1, 4, 1, 5], [9, 2, 6, 5, 3], [5, 8, 9, 7, 9]])
SETTINGS = {"embed_size": 8, "hidden_size": 8, "num_layers": 2}


@pytest.fixture
def in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Logits of four targets are computed together."""
    monkeypatch.setattr(chunked_loss, "MOST_AT_ONCE", 0)
    monkeypatch.setattr(chunked_loss, "PART", 4 * 12 * 4)


def made(registry: Registry, name: str, **settings: Any) -> nn.Module:
    architecture = registry.lookup("architecture", name)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        module: nn.Module = resolve(architecture.model)(resolve(architecture.config)(**settings))
        with torch.no_grad():
            for weight in module.parameters():
                weight.mul_(2)
    return module


def reference(module: Any, inputs: Tensor, targets: Tensor, state: Any, **settings: Any) -> Tensor:
    logits, _ = module(inputs, state)
    return functional.cross_entropy(logits.float().flatten(0, 1), targets.flatten(), **settings)


def gradients(module: nn.Module, loss: Tensor) -> dict[str, Tensor]:
    module.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it so
    return {name: weight.grad.clone() for name, weight in module.named_parameters() if weight.grad is not None}


@pytest.mark.parametrize("settings", [{}, {"label_smoothing": 0.1}, {"ignore_index": 9}, {"reduction": "sum"}])
@pytest.mark.parametrize("tied", [False, True])
def test_parts_have_the_value_and_gradients_of_all_logits(
    registry: Registry, in_parts: None, tied: bool, settings: dict[str, Any]
) -> None:
    module = made(registry, "lstm", vocab_size=12, tied=tied, **SETTINGS)
    inputs, targets = TOKENS[:, :-1], TOKENS[:, 1:]
    expected = reference(module, inputs, targets, module.initial_state(3), **settings)
    expected_gradients = gradients(module, expected)

    loss, state = sequence_loss(module, inputs, targets, module.initial_state(3), **settings)

    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
    found = gradients(module, loss * 1)
    assert found.keys() == expected_gradients.keys()
    for name, gradient in found.items():
        assert torch.allclose(gradient, expected_gradients[name], atol=1e-6), name
    assert torch.equal(state.hidden, module(inputs, module.initial_state(3))[1].hidden)


def test_one_part_gives_the_same_bits_as_before(registry: Registry) -> None:
    module = made(registry, "gru", vocab_size=12, **SETTINGS)
    inputs, targets = TOKENS[:, :-1], TOKENS[:, 1:]
    expected = reference(module, inputs, targets, module.initial_state(3))
    expected_gradients = gradients(module, expected)

    loss, _ = sequence_loss(module, inputs, targets, module.initial_state(3))

    assert torch.equal(loss, expected)
    found = gradients(module, loss)
    assert all(torch.equal(found[name], gradient) for name, gradient in expected_gradients.items())


@pytest.mark.parametrize(
    ("name", "settings"),
    [("rnn", {}), ("gru", {}), ("lstm_cell", {}), ("gru_cell", {}), ("neural_ngram", {"order": 3, "direct": True})],
)
def test_every_recurrent_language_model_has_parts(
    registry: Registry, in_parts: None, name: str, settings: dict[str, Any]
) -> None:
    module: Any = made(registry, name, vocab_size=12, embed_size=8, hidden_size=8, **settings)
    inputs, targets = TOKENS[:, :-1], TOKENS[:, 1:]
    expected = reference(module, inputs, targets, module.initial_state(3))
    expected_gradients = gradients(module, expected)

    loss, _ = sequence_loss(module, inputs, targets, module.initial_state(3))

    assert chunked_loss.has_halves(module)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
    found = gradients(module, loss)
    assert all(torch.allclose(found[name], gradient, atol=1e-6) for name, gradient in expected_gradients.items())


@pytest.mark.parametrize("name", ["seq2seq", "attention_seq2seq"])
def test_translation_models_have_parts_without_padding(registry: Registry, in_parts: None, name: str) -> None:
    module: Any = made(registry, name, source_vocab_size=12, target_vocab_size=12, embed_size=8, hidden_size=8)
    inputs, targets = TOKENS[:, :-1], TOKENS[:, 1:] * torch.tensor([[1, 1, 1, 0]])
    lengths = torch.tensor([5, 5, 5])
    expected = reference(module, inputs, targets, module.encode(TOKENS, lengths), ignore_index=PAD, reduction="sum")
    expected_gradients = gradients(module, expected)

    loss, _ = sequence_loss(module, inputs, targets, module.encode(TOKENS, lengths), ignore_index=PAD, reduction="sum")

    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
    found = gradients(module, loss)
    assert all(torch.allclose(found[name], gradient, atol=1e-5) for name, gradient in expected_gradients.items())


def test_parts_work_in_bf16_and_without_gradients(registry: Registry, in_parts: None) -> None:
    module = made(registry, "lstm", vocab_size=12, tied=True, **SETTINGS)
    inputs, targets = TOKENS[:, :-1], TOKENS[:, 1:]
    expected = reference(module, inputs, targets, module.initial_state(3))
    expected_gradients = gradients(module, expected)

    with autocast(torch.device("cpu"), "bf16"):
        loss, _ = sequence_loss(module, inputs, targets, module.initial_state(3))
    found = gradients(module, loss)
    with torch.inference_mode():
        plain, _ = sequence_loss(module, inputs, targets, module.initial_state(3))

    assert loss.item() == pytest.approx(expected.item(), rel=0.02)
    assert all(torch.allclose(found[name], gradient, atol=0.03) for name, gradient in expected_gradients.items())
    assert plain.item() == pytest.approx(expected.item(), rel=1e-6)


def test_no_product_has_all_logits(registry: Registry, in_parts: None, monkeypatch: pytest.MonkeyPatch) -> None:
    module: Any = made(registry, "lstm", vocab_size=12, **SETTINGS)
    sizes: list[int] = []
    logits = module.logits
    monkeypatch.setattr(module, "logits", lambda hidden: (sizes.append(hidden[..., 0].numel()), logits(hidden))[1])

    sequence_loss(module, TOKENS[:, :-1], TOKENS[:, 1:], module.initial_state(3))

    assert sizes == [4, 4, 4]


def test_a_module_without_halves_computes_all_logits(registry: Registry, in_parts: None) -> None:
    whole: Any = made(registry, "lstm", vocab_size=12, **SETTINGS)

    class Whole(nn.Module):
        def forward(self, inputs: Tensor, state: Any) -> Any:
            return whole(inputs, state)

    inputs, targets = TOKENS[:, :-1], TOKENS[:, 1:]
    loss, _ = sequence_loss(Whole(), inputs, targets, whole.initial_state(3))

    assert torch.equal(loss, reference(copy.deepcopy(whole), inputs, targets, whole.initial_state(3)))


@pytest.mark.parametrize(
    ("targets", "vocab_size", "size"), [(6144, 65, 6144), (2048, 31_250, 2048), (6144, 33_278, 240)]
)
def test_only_logits_that_need_much_memory_are_divided(targets: int, vocab_size: int, size: int) -> None:
    assert chunked_loss.part_size(targets, vocab_size) == size


def test_a_subclass_with_another_forward_computes_its_own_logits(registry: Registry, in_parts: None) -> None:
    built_in = type(made(registry, "lstm", vocab_size=12, **SETTINGS))

    class Cooler(built_in):  # type: ignore[misc, valid-type]  # the class is found by name
        def forward(self, tokens: Tensor, state: Any) -> tuple[Tensor, Any]:
            logits, state = super().forward(tokens, state)
            return logits / 2, state

    module = made(registry, "lstm", vocab_size=12, **SETTINGS)
    module.__class__ = Cooler
    inputs, targets = TOKENS[:, :-1], TOKENS[:, 1:]
    loss, _ = sequence_loss(module, inputs, targets, module.initial_state(3))

    torch.testing.assert_close(loss, reference(module, inputs, targets, module.initial_state(3)))
