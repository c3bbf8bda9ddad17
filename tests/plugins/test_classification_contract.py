"""The classifiers pass the checks of seqshell.testing with many settings, and the checks find faults."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from seqshell import PAD, Architecture, Task
from seqshell.host import Policy
from seqshell.host.builtin import load_registry
from seqshell.testing import check_architecture, failed

REGISTRY = load_registry(Policy(no_plugins=True))  # the built-in plugins only


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        {"cell": "gru", "pooling": "last"},
        {"cell": "rnn", "pooling": "mean", "num_layers": 3},
        {"pooling": "attention", "num_layers": 1},
        {"pooling": "last+max", "dropout": 0.3, "word_dropout": 0.2, "embed_dropout": 0.1},
        {"pooling": "mean+attention", "cell": "gru", "dropout": 0.3, "locked": False},
    ],
)
@pytest.mark.parametrize("name", ["classifier", "bidirectional_classifier"])
def test_classifiers_pass_with_other_settings(name, settings):
    config = {"embed_size": 6, "hidden_size": 8, "num_layers": 2} | settings
    assert failed(check_architecture(REGISTRY.architectures[name], config)) == []


@dataclass(frozen=True)
class Config:
    vocab_size: int
    num_classes: int
    fault: str = ""


class Sum(nn.Module):
    """A valid causal classifier that ignores padding, unless its config asks for a fault."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.embedding, self.readout = nn.Embedding(config.vocab_size, 6), nn.Linear(6, config.num_classes)

    def initial_state(self, batch_size: int = 1) -> Any:
        return torch.zeros(batch_size, 6)

    def forward(self, tokens: Any, state: Any) -> Any:
        sums = state[:, None] + self.embedding(tokens).cumsum(1)
        if self.config.fault == "uses later tokens":
            sums = sums + 0.1 * sums[:, -1:]
        outputs = self.readout(torch.tanh(sums))
        return outputs[:, -1:] if self.config.fault == "returns only the last output" else outputs, sums[:, -1]


class WholeSum(Sum):
    """The same for whole texts: not causal, one output per text."""

    def initial_state(self, batch_size: int = 1) -> Any:
        return ()

    def forward(self, tokens: Any, state: Any) -> Any:
        mask = torch.ones_like(tokens) if self.config.fault == "reads padding" else tokens != PAD
        outputs = self.readout(torch.tanh((self.embedding(tokens) * mask.unsqueeze(-1)).sum(1, keepdim=True)))
        if self.config.fault == "returns an output per token":
            outputs = outputs.expand(-1, tokens.shape[1], -1)
        return outputs, torch.zeros(len(tokens)) if self.config.fault == "has a state" else ()


class WholeSumDecoder:
    """The decoder of WholeSum, with a fault: it reads padding."""

    def __init__(self, config: Config, weights: Any) -> None:
        self.weights = weights

    def initial_state(self, batch_size: int = 1) -> Any:
        return ()

    def step(self, inputs: Any, state: Any) -> Any:
        return self.feed(inputs[:, None], state)

    def feed(self, inputs: Any, state: Any) -> Any:
        hidden = np.tanh(self.weights["embedding.weight"][inputs].sum(1))
        return hidden @ self.weights["readout.weight"].T + self.weights["readout.bias"], ()


@pytest.mark.parametrize(
    ("model", "fault", "expected"),
    [
        (Sum, "", ""),
        (
            Sum,
            "uses later tokens",
            "module: its output at each step equals that of reading up to this step: step 1: outputs: ",
        ),
        (
            Sum,
            "returns only the last output",
            "module: the rows of a batch do not affect each other: "
            "forward must return outputs [3, 4, 4], not [3, 1, 4]",
        ),
        (WholeSum, "", ""),
        (WholeSum, "reads padding", "module: padding changes nothing: with more padding: outputs: "),
        (
            WholeSum,
            "returns an output per token",
            "module: the rows of a batch do not affect each other: "
            "forward must return outputs [3, 1, 4], not [3, 4, 4]",
        ),
        (
            WholeSum,
            "has a state",
            "module: outputs have the task's shape; the leaves of states are [B, ...] and keep their types: "
            "forward must return a state with 0 leaves, as the state before it, not 1 leaf",
        ),
    ],
)
def test_each_fault_of_a_classifier_fails_the_rule_it_breaks(model, fault, expected):
    architecture = Architecture("sum", Task.CLASSIFY, config=Config, model=model, causal=model is Sum)
    failures = failed(check_architecture(architecture, {"fault": fault}))
    assert any(failure.startswith(expected) for failure in failures) if fault else failures == []


def test_a_decoder_that_reads_padding_breaks_the_rule_about_padding():
    architecture = Architecture(
        "sum", Task.CLASSIFY, config=Config, model=WholeSum, decoder=WholeSumDecoder, causal=False
    )
    (failure,) = failed(check_architecture(architecture))
    assert failure.startswith("decoder: padding changes nothing: with more padding: outputs: ")
