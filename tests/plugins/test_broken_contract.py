"""The checks of seqshell.testing find each fault of a model or of a sampler."""

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pytest
import torch
from torch import nn

from seqshell import EOS, PAD, Architecture, Task, setting
from seqshell.decoding.strategies import Greedy, Sample
from seqshell.testing import check_architecture, check_sampler, failed


@dataclass(frozen=True)
class Config:
    vocab_size: int
    fault: str = ""


class Elman(nn.Module):
    """A valid model, unless its config asks for a fault."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.embedding, self.readout = nn.Embedding(config.vocab_size, 6), nn.Linear(6, config.vocab_size)
        self.recurrent = nn.Linear(6, 6)
        self.calls = 0

    def initial_state(self, batch_size: int = 1) -> Any:
        return torch.zeros(batch_size, 6)

    def forward(self, tokens: Any, state: Any) -> Any:
        fault, outputs = self.config.fault, []
        if fault == "forgets the state":
            state = torch.zeros_like(state)
        if fault == "mixes rows":
            state = state + 0.1 * state.mean(0)
        for column in self.embedding(tokens).unbind(1):
            new = torch.tanh(column + self.recurrent(state))
            if fault == "writes to its state":
                state.copy_(new.detach())
            state = new
            outputs.append(self.readout(state))
        self.calls += 1
        if fault == "counts its calls":
            outputs[-1] = outputs[-1] + 0.01 * self.calls
        if fault == "looks ahead":
            outputs = [output + 0.1 * outputs[-1] for output in outputs]
        if fault == "raises":
            raise RuntimeError("out of luck")
        if fault == "doubles its state":
            state = torch.cat((state, state))
        return torch.stack(outputs, 1), state.double() if fault == "changes its type" else state


class ElmanDecoder:
    """The decoder of Elman, with a fault: no recurrent bias."""

    def __init__(self, config: Config, weights: Any) -> None:
        self.weights = weights

    def initial_state(self, batch_size: int = 1) -> Any:
        return np.zeros((batch_size, 6), np.float32)

    def step(self, inputs: Any, state: Any) -> Any:
        state = np.tanh(self.weights["embedding.weight"][inputs] + state @ self.weights["recurrent.weight"].T)
        return state @ self.weights["readout.weight"].T + self.weights["readout.bias"], state

    def feed(self, inputs: Any, state: Any) -> Any:
        for column in inputs.T:
            outputs, state = self.step(column, state)
        return outputs, state


def elman(decoder=None):
    return Architecture("elman", Task.GENERATE, config=Config, model=Elman, decoder=decoder)


def test_a_valid_third_party_model_passes():
    assert failed(check_architecture(elman())) == []


@pytest.mark.parametrize(
    ("fault", "rule"),
    [
        ("forgets the state", "reading in chunks equals reading at once"),
        ("mixes rows", "the rows of a batch do not affect each other"),
        ("writes to its state", "a returned state is never modified"),
        ("counts its calls", "continuing twice from a state gives identical results"),
        ("looks ahead", "its output at each step equals that of reading up to this step"),
        (
            "raises",
            "outputs have the task's shape; the leaves of states are [B, ...] and keep their types: "
            "RuntimeError: out of luck",
        ),
        ("doubles its state", "outputs have the task's shape; the leaves of states are [B, ...] and keep their types"),
        (
            "changes its type",
            "outputs have the task's shape; the leaves of states are [B, ...] and keep their types",
        ),
    ],
)
def test_each_fault_fails_the_rule_it_breaks(fault, rule):
    assert any(rule in failure for failure in failed(check_architecture(elman(), {"fault": fault})))


def test_a_decoder_that_differs_from_its_module_breaks_the_rule_about_its_outputs():
    failures = failed(check_architecture(elman(decoder=ElmanDecoder)))
    assert len(failures) == 1
    assert failures[0].startswith("decoder: its outputs equal the module's within 0.0001: reading 1 rows: outputs: ")


def test_a_model_that_cannot_be_built_fails_one_check():
    broken = Architecture("broken", Task.GENERATE, config=Config, model="seqshell_recurrent.language_models:Missing")
    (failure,) = failed(check_architecture(broken))
    assert "Missing" in failure


@dataclass(frozen=True)
class PairConfig:
    source_vocab_size: int
    target_vocab_size: int
    fault: str = ""


class PairState(NamedTuple):
    hidden: Any
    encoded: Any
    mask: Any
    attention: Any


class MeanSeq2Seq(nn.Module):
    """A valid translation model with equal attention to all tokens, unless its config asks for a fault."""

    def __init__(self, config: PairConfig) -> None:
        super().__init__()
        self.config = config
        self.source, self.target = nn.Embedding(config.source_vocab_size, 6), nn.Embedding(config.target_vocab_size, 6)
        self.readout = nn.Linear(6, config.target_vocab_size)

    def initial_state(self, batch_size: int = 1) -> Any:
        source = torch.full((batch_size, 1), PAD if self.config.fault == "starts from padding" else EOS)
        return self.encode(source, torch.ones(batch_size, dtype=torch.int64))

    def encode(self, source: Any, lengths: Any) -> Any:
        mask = torch.arange(source.shape[1]) < lengths[:, None]
        if self.config.fault == "reads padding":
            mask = torch.ones_like(mask)
        return PairState(torch.zeros(len(source), 6), self.source(source), mask, torch.zeros(mask.shape))

    def forward(self, tokens: Any, state: Any) -> Any:
        fault = self.config.fault
        hidden = state.hidden[:, None] + self.target(tokens).cumsum(1)
        weights = state.mask / state.mask.sum(1, keepdim=True)
        context = torch.einsum("bs,bse->be", weights, state.encoded)
        if fault == "doubles the attention":
            weights = 2 * weights
        if fault == "uses later target tokens":
            hidden = hidden + 0.1 * hidden[:, -1:]
        encoded = state.encoded.clone() if fault == "copies the encoded source" else state.encoded
        return self.readout(torch.tanh(hidden + context[:, None])), PairState(
            hidden[:, -1], encoded, state.mask, weights
        )


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("", ""),
        ("starts from padding", "module: initial_state is the encoding of a source with only EOS: state.encoded: "),
        ("reads padding", "module: padding the source changes nothing: with more padding: step 0: outputs: "),
        (
            "reads padding",
            "module: the leaf named attention, if any, is [B, S], sums to 1 and is 0 at padding: step 0: ",
        ),
        ("reads padding", "module: padding the target changes neither earlier logits nor the loss: loss: "),
        (
            "doubles the attention",
            "module: the leaf named attention, if any, is [B, S], sums to 1 and is 0 at padding: "
            "step 0: the sums of attention",
        ),
        (
            "copies the encoded source",
            "module: leaves that a step does not change stay the same array: state.encoded does not change, but",
        ),
        (
            "uses later target tokens",
            "module: padding the target changes neither earlier logits nor the loss: logits: ",
        ),
    ],
)
def test_each_fault_of_a_translation_model_fails_the_rule_it_breaks(fault, expected):
    architecture = Architecture("mean", Task.TRANSLATE, config=PairConfig, model=MeanSeq2Seq)
    failures = failed(check_architecture(architecture, {"fault": fault}))
    assert any(failure.startswith(expected) for failure in failures) if fault else failures == []


def test_a_beam_of_width_1_that_differs_from_greedy_breaks_the_rule_about_beams(monkeypatch):
    monkeypatch.setattr(Greedy, "search", Sample().search)
    failures = failed(check_architecture(elman()))
    assert any("a beam of width 1 equals greedy decoding: row 0: " in failure for failure in failures)


@dataclass(frozen=True)
class TopA:
    """Top-a sampling with an optional fault."""

    name: ClassVar[str] = "top_a"
    a: float = setting(0.2, low=0, high=1, neutral=0)
    fault: ClassVar[str] = ""

    def __call__(self, logits, context):
        probs = np.exp(logits - np.logaddexp.reduce(logits))
        kept = np.where(probs < self.a * probs.max() ** 2, -np.inf, logits)
        if self.fault == "changes logits at neutral":
            return kept + 1
        if self.fault == "excludes every token" and self.a == 1:
            return np.full_like(logits, -np.inf)
        if self.fault == "modifies its input":
            logits -= 1
        if self.fault == "restores excluded tokens":
            return np.where(np.isinf(logits), 0.0, kept)
        return kept


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("changes logits at neutral", "a=0 (neutral) changes nothing: logits"),
        (
            "excludes every token",
            "a=1: it returns [V] without NaN or inf, not all -inf, and keeps every -inf: all logits are -inf",
        ),
        ("modifies its input", "by default: it does not modify its input: its input became"),
        (
            "restores excluded tokens",
            "by default: it returns [V] without NaN or inf, not all -inf, and keeps every -inf: "
            "an excluded token (-inf) became possible",
        ),
    ],
)
def test_each_fault_of_a_sampler_fails_the_rule_it_breaks(monkeypatch, fault, expected):
    assert failed(check_sampler(TopA)) == []
    monkeypatch.setattr(TopA, "fault", fault)
    assert any(failure.startswith(expected) for failure in failed(check_sampler(TopA)))


def test_a_sampler_with_an_unknown_stage_breaks_the_rule_about_stages(monkeypatch):
    monkeypatch.setattr(TopA, "stage", "first", raising=False)
    assert failed(check_sampler(TopA)) == [
        "its stage is one of penalty, truncation, temperature, last: "
        "TopA declares the stage 'first'; expected one of penalty, truncation, temperature, last"
    ]
    monkeypatch.setattr(TopA, "stage", "last")
    assert failed(check_sampler(TopA)) == []
