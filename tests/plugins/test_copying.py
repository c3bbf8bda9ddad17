"""The setting `copy` of attention_seq2seq against the equations of See et al. 2017, with padding."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from seqshell import BOS, EOS, PAD
from seqshell.core.state import by_address, map_leaves
from seqshell.training.translation.loss import training_loss
from seqshell_seq2seq.config import AttentionConfig
from seqshell_seq2seq.copying import CopyingSeq2Seq, attention_model
from seqshell_seq2seq.copying_decoder import CopyingDecoder, attention_decoder

V = 11
LENGTHS = np.array([3, 6, 1])
SOURCE = np.random.default_rng(0).integers(4, V, (3, 6))
SOURCE[1, 2] = SOURCE[1, 0]  # a token that occurs twice
SOURCE[np.arange(3), LENGTHS - 1] = EOS
SOURCE[np.arange(6) >= LENGTHS[:, None]] = PAD
TARGET = np.random.default_rng(1).integers(4, V, (3, 5))
TARGET[:, 0] = BOS
CONFIG = AttentionConfig(
    V, V, embed_size=5, encoder_size=4, hidden_size=8, num_layers=2, attention_size=3, copy=True, coverage_weight=0.5
)
SETTINGS = {
    "general": {"coverage_weight": 0.0},
    "additive, coverage": {"attention": "additive"},
    "concat, coverage, tied": {"attention": "concat", "tied": True, "cell": "gru"},
    "dot, coverage": {"attention": "dot", "cell": "rnn"},
    "before": {"placement": "before", "coverage_weight": 0.0},
    "before, coverage": {"placement": "before", "attention": "additive", "cell": "gru"},
    "input feeding, coverage": {"input_feeding": True, "num_layers": 1},
}


def module_of(**settings) -> CopyingSeq2Seq:
    torch.manual_seed(2)
    module = attention_model(replace(CONFIG, **settings)).eval()
    assert isinstance(module, CopyingSeq2Seq)
    for parameter in module.parameters():
        torch.nn.init.uniform_(parameter, -0.8, 0.8)
    return module


def read(module: CopyingSeq2Seq, target=TARGET):
    state = module.encode(torch.from_numpy(SOURCE), torch.from_numpy(LENGTHS))
    return module(torch.from_numpy(target), state)


@pytest.mark.parametrize("name", SETTINGS)
@torch.no_grad()
def test_the_decoder_equals_the_module_in_steps_chunks_and_traces(name) -> None:
    module = module_of(**SETTINGS[name])
    weights = {key: value.numpy() for key, value in module.state_dict().items()}
    decoder = attention_decoder(module.config, weights)
    assert isinstance(decoder, CopyingDecoder)
    expected, expected_state = (map_leaves(lambda leaf: leaf.numpy(), each) for each in read(module))

    start = decoder.encode(SOURCE, LENGTHS)
    steps, state = [], start
    for column in TARGET.T:
        outputs, state = decoder.step(column, state)
        steps.append(outputs)
    np.testing.assert_allclose(np.stack(steps, 1), expected, atol=1e-5)
    map_leaves(lambda one, other: np.testing.assert_allclose(one, other, atol=1e-5), state, expected_state)

    fed, after = decoder.feed(TARGET, start)
    np.testing.assert_allclose(fed, expected[:, -1], atol=1e-5)
    traced, last, arrays = decoder.trace(TARGET, start)
    np.testing.assert_allclose(traced, expected, atol=1e-5)
    for address, leaf in by_address(last).items():
        np.testing.assert_allclose(leaf, by_address(after)[address], atol=1e-6)
        if address in arrays:
            np.testing.assert_array_equal(arrays[address][:, -1], leaf)
    recurrent = "attending.recurrent.cell" if module.config.cell == "lstm" else "attending.recurrent"
    assert {"attending.attention", recurrent} <= set(arrays)
    np.testing.assert_allclose(decoder.features(last), module.features(expected_state), atol=1e-5)
    assert decoder.state_outputs(last) is None


@torch.no_grad()
def test_the_outputs_are_the_mixture_of_written_and_copied_tokens() -> None:
    module = module_of(coverage_weight=0.0)
    embedded = module.embed_target(torch.from_numpy(TARGET))
    state = module.encode(torch.from_numpy(SOURCE), torch.from_numpy(LENGTHS))
    vectors, weights, _ = module.readings(embedded, state.attending)
    gate = module.gate(torch.cat((vectors, embedded), -1)).sigmoid()
    copied = torch.stack([weights[0, :, [s for s in range(6) if SOURCE[0, s] == v]].sum(-1) for v in range(V)], -1)

    outputs = read(module)[0]
    torch.testing.assert_close(outputs.exp().sum(-1), torch.ones(3, 5))
    expected = gate[0] * module.logits(vectors[0]).softmax(-1) + (1 - gate[0]) * copied
    torch.testing.assert_close(outputs[0].exp(), expected)


@pytest.mark.parametrize(("bias", "is_copied"), [(-60.0, True), (60.0, False)])
@torch.no_grad()
def test_a_closed_gate_copies_and_an_open_one_writes(bias: float, is_copied: bool) -> None:
    module = module_of(coverage_weight=0.0)
    module.gate.bias.fill_(bias)
    outputs = read(module)[0][1].exp()

    from_source = np.isin(np.arange(V), SOURCE[1])
    assert bool((outputs[:, ~from_source] < 1e-6).all()) == is_copied
    assert torch.isfinite(read(module)[0]).all()


@torch.no_grad()
def test_coverage_is_the_sum_of_the_weights_and_its_loss_what_they_repeat() -> None:
    module = module_of(attention="additive").train()
    state = module.encode(torch.from_numpy(SOURCE), torch.from_numpy(LENGTHS))
    weights, repeated = [], []
    for column in torch.from_numpy(TARGET).split(1, 1):
        seen = state.coverage
        outputs, state = module(column, state)
        weights.append(state.attending.attention)
        repeated.append(torch.minimum(weights[-1], seen).sum(1))
    torch.testing.assert_close(state.coverage, sum(weights))

    targets = torch.from_numpy(TARGET)
    loss = module.auxiliary(outputs, targets, targets != PAD)["coverage"]
    torch.testing.assert_close(loss, 0.5 * torch.stack(repeated, 1))
    read(module)
    torch.testing.assert_close(module.auxiliary(outputs, targets, targets != PAD)["coverage"], loss)


def test_training_adds_the_coverage_loss_and_every_weight_has_a_gradient() -> None:
    module = module_of(attention="additive", input_feeding=True).train()
    batch = (torch.from_numpy(SOURCE), torch.from_numpy(LENGTHS), torch.from_numpy(TARGET), torch.from_numpy(TARGET))
    loss = training_loss(module, *batch)
    (loss.loss + sum(loss.auxiliary.values())).backward()

    assert set(loss.auxiliary) == {"coverage"}
    assert all(torch.isfinite(each.grad).all() and each.grad.abs().sum() > 0 for each in module.parameters())
    assert not training_loss(module_of(coverage_weight=0.0), *batch).auxiliary


def test_copying_needs_one_vocabulary_and_coverage_needs_copying() -> None:
    with pytest.raises(ValueError, match="copy needs one vocabulary"):
        AttentionConfig(V, V + 1, copy=True)
    with pytest.raises(ValueError, match="coverage_weight needs copy = true"):
        AttentionConfig(V, V, coverage_weight=1.0)
