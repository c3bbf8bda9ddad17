"""`seqshell plugins check`: each fault of an architecture fails the rule about it, with a small case that shows it."""

import re

import pytest

MODEL = """
import numpy as np
import torch
from dataclasses import dataclass, field
from typing import Any
from torch import nn

import seqshell

@dataclass(frozen=True)
class Config:
    vocab_size: int
    hidden_size: int = 8
    num_layers: int = 2

class Elman(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.hidden_size)
        self.recurrent = nn.RNN(config.hidden_size, config.hidden_size, config.num_layers, batch_first=True)
        self.readout = nn.Linear(config.hidden_size, config.vocab_size)

    def initial_state(self, batch_size=1):
        return self.readout.weight.new_zeros(batch_size, self.config.num_layers, self.config.hidden_size)

    def forward(self, tokens, state):
        hidden, last = self.recurrent(self.embedding(tokens), state.transpose(0, 1).contiguous())
        last = last.transpose(0, 1)
        return self.readout(hidden), last

class Decoder:
    def __init__(self, config, weights):
        self.config, self.weights = config, weights

    def initial_state(self, batch_size=1):
        return np.zeros((batch_size, self.config.num_layers, self.config.hidden_size), np.float32)

    def step(self, inputs, state):
        read, layers = self.weights["embedding.weight"][inputs], []
        for layer in range(self.config.num_layers):
            ih, hh = (self.weights[f"recurrent.weight_{kind}_l{layer}"] for kind in ("ih", "hh"))
            bias = self.weights[f"recurrent.bias_ih_l{layer}"] + self.weights[f"recurrent.bias_hh_l{layer}"]
            read = np.tanh(read @ ih.T + state[:, layer] @ hh.T + bias)
            layers.append(read)
        return read @ self.weights["readout.weight"].T + self.weights["readout.bias"], np.stack(layers, 1)

    def feed(self, inputs, state):
        for column in inputs.T:
            outputs, state = self.step(column, state)
        return outputs, state

@seqshell.hookimpl
def seqshell_architectures():
    yield seqshell.Architecture("wrong", seqshell.Task.GENERATE, config=Config, model=Elman, decoder=Decoder)
"""

# Fault -> a text in MODEL, and what replaces it.
CHANGES = {
    "in place": ("last = last.transpose(0, 1)\n", "last = state.copy_(last.transpose(0, 1).detach())\n"),
    "mixed": ("return self.readout(hidden), last", "return self.readout(hidden), last - 0.1 * last.mean(0)"),
    "layers first": (
        "(batch_size, self.config.num_layers, self.config.hidden_size)\n\n    def forward",
        "(2, batch_size, 8)\n\n    def forward",
    ),
    "kept": (
        "        last = last.transpose(0, 1)\n",
        "        last = last.transpose(0, 1)\n"
        "        if getattr(self, 'kept', None) is not None and self.kept.shape == last.shape:\n"
        "            hidden = hidden + self.kept[:, -1:]\n"
        "        self.kept = last\n",
    ),
    "centred": (
        "return self.readout(hidden), last",
        "return self.readout(hidden - hidden.mean(1, keepdim=True)), last",
    ),
    "forgets": ("state.transpose(0, 1).contiguous()", "torch.zeros_like(state.transpose(0, 1))"),
    "no bias": (' + self.weights[f"recurrent.bias_hh_l{layer}"]', ""),
    "told": (
        "    def feed(self",
        "    def state_outputs(self, state):\n"
        '        return state[:, -1] @ self.weights["readout.weight"].T\n\n'
        "    def feed(self",
    ),
    "traced": (
        "    def feed(self",
        "    def trace(self, inputs, state):\n"
        "        outputs, states = [], []\n"
        "        for column in inputs.T:\n"
        "            logits, state = self.step(column, state)\n"
        "            outputs.append(logits)\n"
        "            states.append(state * 2)\n"
        '        return np.stack(outputs, 1), state, {"0": np.stack(states, 1)}\n\n'
        "    def feed(self",
    ),
    "halves": (
        "class Decoder:",
        "    def hidden_states(self, tokens, state):\n"
        "        hidden, last = self.recurrent(self.embedding(tokens), state.transpose(0, 1).contiguous())\n"
        "        return hidden, last.transpose(0, 1)\n\n"
        "    def logits(self, hidden):\n"
        "        return hidden @ self.readout.weight.T\n\n"
        "class Decoder:",
    ),
    "a set": ("num_layers: int = 2", "num_layers: int = 2\n    marks: Any = field(default_factory=lambda: {1, 2})"),
    "a key": ("num_layers: int = 2", "num_layers: int = 2\n    marks: Any = field(default_factory=lambda: {1: 2})"),
}


def test_a_valid_architecture_passes(failed_rules, write_plugin):
    assert failed_rules(write_plugin(MODEL)) == {}


SMALL = re.escape(", vocab_size=11, hidden_size=1, num_layers=1")


@pytest.mark.parametrize(
    ("fault", "rule", "seen", "case"),
    [
        (
            "in place",
            "module: a returned state is never modified",
            "a later call modified an earlier result: state",
            r"1 row of 1 step \[\[\d+\]\]" + SMALL,
        ),
        (
            "mixed",
            "module: the rows of a batch do not affect each other",
            "row 0 in the batch compared with alone: ",
            r"2 rows of \d steps? .*" + SMALL,
        ),
        (
            "layers first",
            "module: outputs have the task's shape; the leaves of states are [B, ...] and keep their types",
            "initial_state must return a state of the shape [3, ...], not [2, 3, 8]: the batch comes first (wrong.py, ",
            "",
        ),
        (
            "kept",
            "module: continuing twice from a state gives identical results",
            "the second time: outputs",
            "1 row of 1 step",
        ),
        (
            "centred",
            "module: reading in chunks equals reading at once",
            "cut after 1: outputs",
            r"1 row of 2 steps \[\[\d+, \d+\]\]" + SMALL,
        ),
        (
            "forgets",
            "module: reading in chunks equals reading at once",
            "cut after 1: ",
            r"1 row of 2 steps \[\[\d+, \d+\]\]" + SMALL,
        ),
        (
            "halves",
            "module: its hidden_states and logits together are its forward",
            "outputs: difference ",
            r"1 row of 1 step \[\[\d+\]\]" + SMALL,
        ),
        (
            "no bias",
            "decoder: its outputs equal the module's within 0.0001",
            "reading 1 rows: outputs",
            r"1 row of 1 step \[\[\d+\]\]" + SMALL,
        ),
        (
            "told",
            "decoder: its state_outputs equal the outputs of the call that returned the state",
            "state_outputs: difference ",
            r"1 row of 1 step \[\[\d+\]\]" + SMALL,
        ),
        (
            "traced",
            "decoder: its trace has the outputs, states and gates of single steps",
            "step 1 of 1 rows: 0: difference ",
            r"1 row of 1 step \[\[\d+\]\]" + SMALL,
        ),
        ("a set", "its config can be saved as JSON", "marks={1, 2} cannot be written as JSON: ", ""),
        ("a key", "its config can be saved as JSON", "marks={1: 2} is loaded as {'1': 2}", ""),
    ],
)
def test_each_fault_of_an_architecture_fails_its_rule(failed_rules, write_plugin, fault, rule, seen, case):
    failed = failed_rules(write_plugin(MODEL, CHANGES[fault]))
    assert rule in failed
    assert failed[rule][0].startswith(seen)
    assert re.match(case, failed[rule][1])


STATE = "initial_state must return a tensor [B, ...], or a tuple or NamedTuple of them, "
FIRST_LINES = {  # a wrong line of the module, and what is said of it, once
    "return {'h': state}": STATE + "not a dict",
    "return [state]": STATE + "not a list",
    "return None": STATE + "not None",
    "return state, 'x'": STATE + "but state.1 is a str",
    "return state.bfloat16()": "initial_state must return a state that is not bfloat16: numpy has no such type",
}
LAST_LINES = {
    "return outputs": "forward must return two values, the outputs and the new state, not a Tensor",
    "return outputs, (state, state)": "forward must return a state with 1 leaf, as the state before it, not 2 leaves",
    "return outputs[..., 1:], state": "forward must return outputs [3, 1, 11], not [3, 1, 10]",
}


@pytest.mark.parametrize(("line", "seen"), FIRST_LINES.items())
def test_a_state_of_a_wrong_type_is_told_once_with_its_line(line, seen, failed_rules, write_plugin):
    failed = failed_rules(write_plugin(FIRST, ("return state  # first", line)))

    assert list(failed.values()) == [(f"{seen} (wrong.py, line 13)", "")]


@pytest.mark.parametrize(("line", "seen"), LAST_LINES.items())
def test_wrong_results_of_forward_are_told_once_with_its_line(line, seen, failed_rules, write_plugin):
    failed = failed_rules(write_plugin(FIRST, ("return outputs, state  # last", line)))

    assert list(failed.values()) == [(f"{seen} (wrong.py, line 16)", "")]


def test_a_missing_method_is_told_once(failed_rules, write_plugin):
    sizes = "source_vocab_size: int\n    target_vocab_size: int\n    vocab_size: int = 11"
    text = FIRST.replace("Task.GENERATE", "Task.TRANSLATE")
    failed = failed_rules(write_plugin(text, ("vocab_size: int", sizes)))

    needed = "an architecture for the task translate needs the method encode(source, lengths) -> state"
    assert list(failed.values()) == [(f"{needed} (wrong.py, line 12)", "")]


FIRST = """
import dataclasses, seqshell
@dataclasses.dataclass(frozen=True)
class Config:
    vocab_size: int
def model(config):
    import torch
    from torch import nn
    class Sums(nn.Module):
        def __init__(self):
            super().__init__()
            self.readout = nn.Embedding(config.vocab_size, config.vocab_size)
        def initial_state(self, batch_size=1):
            state = torch.zeros(batch_size, 1)
            return state  # first
        def forward(self, tokens, state):
            outputs = self.readout(tokens)
            return outputs, state  # last
    return Sums()
@seqshell.hookimpl
def seqshell_architectures():
    yield seqshell.Architecture("sums", seqshell.Task.GENERATE, config=Config, model=model)
"""
