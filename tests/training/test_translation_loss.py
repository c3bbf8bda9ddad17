"""The loss of sentence pairs: padding is ignored, and label smoothing is a mixture with the uniform distribution."""

from __future__ import annotations

import pytest
import torch

from seqshell.core.tokenizers import BOS, EOS, PAD
from seqshell.host import Policy, resolve
from seqshell.host.builtin import load_registry
from seqshell.training.translation.loss import pair_loss

SOURCE, WORDS = [[5, 6, 7, EOS]], [8, 4, 9]


@pytest.fixture(scope="module", params=["seq2seq", "attention_seq2seq"])
def module(request):
    architecture = load_registry(Policy(no_plugins=True)).lookup("architecture", request.param)
    with torch.random.fork_rng():
        torch.manual_seed(5)
        module = resolve(architecture.model)(
            resolve(architecture.config)(9, 11, embed_size=4, encoder_size=3, hidden_size=5)
        )
        for parameter in module.parameters():
            parameter.data.mul_(3)
    return module.eval()


def pair(padding=0):
    """source, lengths, inputs and targets with this much padding."""
    right = [PAD] * padding
    rows = ([[*SOURCE[0], *right]], [len(SOURCE[0])], [[BOS, *WORDS, *right]], [[*WORDS, EOS, *right]])
    return [torch.tensor(row) for row in rows]


@torch.inference_mode()
def test_padding_is_neither_in_the_nats_nor_in_the_count(module):
    plain, number = pair_loss(module, *pair())
    padded, same = pair_loss(module, *pair(7))

    assert int(number) == int(same) == 4
    assert padded.item() == pytest.approx(plain.item(), abs=1e-5)
    source, lengths, inputs, targets = pair()
    logits, _ = module(inputs, module.encode(source, lengths))
    assert plain.item() == pytest.approx(float(-logits[0].log_softmax(-1).gather(1, targets.T).sum()), abs=1e-5)


@torch.inference_mode()
def test_smoothed_loss_is_a_mixture_with_the_mean_over_the_vocabulary(module):
    """Szegedy et al. 2016, section 7, with 0.1 of the probability spread over all tokens."""
    smoothed, _ = pair_loss(module, *pair(2), label_smoothing=0.1)

    source, lengths, inputs, targets = pair()
    logits, _ = module(inputs, module.encode(source, lengths))
    nats = -logits[0].log_softmax(-1)
    assert smoothed.item() == pytest.approx(
        float(0.9 * nats.gather(1, targets.T).sum() + 0.1 * nats.mean(-1).sum()), abs=1e-5
    )
