"""Teacher forcing: its schedule, and the tokens that a decoder reads."""

from __future__ import annotations

import math

import pytest
import torch
from tests.training.number_pairs import prepared

from seqshell.training.data.batches import pair_arrays
from seqshell.training.recipes.settings import TrainingSettings
from seqshell.training.translation.teacher_forcing import forced_logits, teacher_forcing


@pytest.mark.parametrize(
    ("schedule", "decay", "expected"),
    [
        ("constant", 0.1, [1.0, 1.0, 1.0]),
        ("linear", 0.1, [1.0, 0.8, 0.5]),
        ("exponential", 0.9, [1.0, 0.9**2, 0.5]),
        ("inverse_sigmoid", 3.0, [3 / 4, 3 / (3 + math.exp(2 / 3)), 0.5]),
    ],
)
def test_the_teacher_forcing_probability_follows_its_schedule(schedule, decay, expected):
    settings = TrainingSettings(
        teacher_forcing_schedule=schedule, teacher_forcing_decay=decay, teacher_forcing_least=0.5
    )

    assert [teacher_forcing(settings, step) for step in (0, 2, 50)] == pytest.approx(expected)


def test_a_decoder_without_teacher_forcing_reads_its_own_tokens(tmp_path):
    module = prepared(tmp_path).new_module().eval()
    source, lengths, inputs, _ = (torch.from_numpy(part) for part in pair_arrays([[4, 5]], [[6, 7, 8]]))
    state = module.encode(source, lengths)
    logits = forced_logits(module, inputs, state, 0.0)
    own = torch.cat((inputs[:, :1], logits.argmax(-1)[:, :-1]), 1)

    assert torch.allclose(logits, module(own, state)[0], atol=1e-6)
    assert torch.equal(forced_logits(module, inputs, state, 0.0, by_batch=True), logits)
    assert torch.allclose(forced_logits(module, inputs, state, 1.0), module(inputs, state)[0])


def test_teacher_forcing_is_drawn_per_token_or_per_batch():
    read: list[torch.Tensor] = []

    class Remembering(torch.nn.Module):
        """Predicts token 3 for any input."""

        def forward(self, tokens, state):
            read.append(tokens)
            return torch.nn.functional.one_hot(torch.full_like(tokens, 3), 5).float(), state

    inputs = torch.full((400, 11), 1)
    torch.manual_seed(0)
    forced_logits(Remembering(), inputs, (), 0.7)
    tokens = torch.cat(read, 1)[:, 1:]
    assert set(tokens.unique().tolist()) == {1, 3}
    assert (tokens == 1).float().mean().item() == pytest.approx(0.7, abs=0.03)

    kinds = []
    for _ in range(200):
        read.clear()
        forced_logits(Remembering(), inputs[:2], (), 0.7, by_batch=True)
        kinds.append(len(read) == 1)  # a teacher-forced batch is one call
        assert len(set(torch.cat(read, 1)[:, 1:].flatten().tolist())) == 1
    assert sum(kinds) / 200 == pytest.approx(0.7, abs=0.1)
