"""A new task, defined in this file alone: it writes a text in upper case.

It is trained, checked and evaluated, and answers lines in text, as JSON and in the terminal.

A new built-in task touches these files, at most 7:

1. core/tasks.py: a member of Task, and its TaskSpec
2. session/tasks/NAME.py: its TaskBehaviour
3. models/task_parts/NAME.py: its TaskParts, if none of those that exist fits
4. training/NAME/objective.py: its objective and preparation
5. training/NAME/task_evaluation.py: its TaskEvaluation
6. testing/task_examples.py: its TaskExample
7. core/events/answers.py: the event with its answer, if none of those that exist fits
"""

from __future__ import annotations

import io
import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from prompt_toolkit.application.current import create_app_session
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput
from torch import nn
from torch.nn import functional

import seqshell
from seqshell.cli import main, script
from seqshell.core.errors import UsageError
from seqshell.core.events import Table, Text
from seqshell.core.tasks import TASKS, TaskSpec, task_spec
from seqshell.host import Policy
from seqshell.host.builtin import load_registry
from seqshell.session.tasks.behaviour import TaskBehaviour
from seqshell.shell.startup import Options
from seqshell.terminal.printer import Printer
from seqshell.terminal.repl import Repl
from seqshell.terminal.signals import Signals
from seqshell.testing import check_architecture, failed
from seqshell.training.distributed.group import ALONE
from seqshell.training.evaluation_result import Evaluation
from seqshell.training.language.corpus import read_recipe_text
from seqshell.training.language.objective import LanguageObjective, make_streams
from seqshell.training.loop import train
from seqshell.training.objective import BatchLoss
from seqshell.training.optimizer import on_device
from seqshell.training.preparation import Prepared, check_config, tokenizer_type
from seqshell.training.recipes.recipe import read_recipe
from seqshell.training.task_evaluation import TaskEvaluation
from seqshell.training.torch_module import torch_module_on

LETTERS = "abcdefgh"


# The architecture


@dataclass(frozen=True)
class Config:
    vocab_size: int


class Upper(nn.Module):
    """One logit for each token, from the last token alone. State: [B, 1], which stays zero."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.table = nn.Embedding(config.vocab_size, config.vocab_size)

    def initial_state(self, batch_size=1):
        return self.table.weight.new_zeros(batch_size, 1)

    def forward(self, inputs, state):
        return self.table(inputs), state


@seqshell.hookimpl
def seqshell_architectures():
    return [seqshell.Architecture("upper", "upper_case", Config, Upper)]


# The task


def upper_case(tokenizer, ids):
    """The ids of the same tokens in upper case."""
    table = [tokenizer.encode(tokenizer.piece(token).decode().upper())[0] for token in range(tokenizer.size)]
    return np.array(table)[ids]


class UpperBehaviour(TaskBehaviour):
    does = "writes texts in upper case"
    advice = "write a text"

    def answer(self, text, settings):
        ids = self.encode(text, settings["unknown"])
        self.navigator.restart(ids)
        pieces, state = b"", self.model.decoder.initial_state(1)
        for token in ids:
            outputs, state = self.model.decoder.step(np.array([token]), state)
            pieces += self.model.tokenizer.piece(int(outputs[0].argmax()))
        yield Text(pieces.decode())


class UpperObjective(LanguageObjective):
    def loss(self, module, batch, state, step=0):
        inputs = batch[0]
        ids, targets = on_device(module, (inputs, upper_case(self.tokenizer, inputs)))
        logits, state = module(ids, state)
        return BatchLoss(functional.cross_entropy(logits.flatten(0, 1), targets.flatten()), state)

    def validate(self, module, group=ALONE):
        with torch.inference_mode():
            found = self.loss(module, (self.validation_ids[None],), module.initial_state(1))
        return {"nats": float(found.loss)}

    def measure(self, module):
        return self.validate(module)

    def as_measured(self, validation):
        return validation

    def table(self, measured):
        return Table(("nats",), ((f"{measured['nats']:.4f}",),))

    def sample(self, module, registry):
        return ""


def prepare(recipe, registry, architecture):
    kind = tokenizer_type(registry, recipe.tokenizer)
    tokenizer, text, training, validation = read_recipe_text(recipe, kind)
    config = check_config(recipe, architecture, {"vocab_size": tokenizer.size})
    streams = make_streams(recipe, training)
    objective = UpperObjective(recipe, architecture, config, tokenizer, text, streams, validation)
    return Prepared(recipe, architecture, config, tokenizer, None, objective)


class UpperEvaluation(TaskEvaluation):
    data = "text file"

    def evaluate(self, model, files, registry, device, options):
        ids = np.array(model.tokenizer.encode(Path(files[0]).read_text()))
        module = torch_module_on(device, model, registry)
        found = module(torch.from_numpy(ids)[None], module.initial_state(1))[0].argmax(-1).numpy()
        yield Evaluation({"task": model.task, "accuracy": float((found == upper_case(model.tokenizer, ids)).mean())})

    def report(self, values, width):
        yield f"accuracy {values['accuracy']:.0%}"


SPEC = TaskSpec(
    name="upper_case",
    noun="an upper-case writer",
    behaviour=f"{__name__}:UpperBehaviour",
    parts="seqshell.models.task_parts.generate:GenerateParts",
    default_model="upper",
    settings=frozenset({"unknown"}),
    next_steps="then /undo",
    keys=("Each line is written in upper case · /help",),
    data_check="seqshell.training.recipes.data_checks:check_text",
    preparation=f"{__name__}:prepare",
    sizes=("vocab_size",),
    evaluation=f"{__name__}:UpperEvaluation",
    example="seqshell.testing.task_examples:GENERATE",
)


@pytest.fixture(autouse=True)
def spec(monkeypatch):
    monkeypatch.setitem(TASKS, SPEC.name, SPEC)


@pytest.fixture
def model(folder):
    """A trained model."""
    text = " ".join(LETTERS) + " " + " ".join(LETTERS.upper()) + "\n"
    Path("letters.txt").write_text(text * 20)
    Path("upper.toml").write_text(
        'task = "upper_case"\narchitecture = "upper"\n[data]\ntext = "letters.txt"\n'
        "[training]\nepochs = 30\nlearning_rate = 0.3\n"
    )
    registry = load_registry(Policy(extra=(__file__,)))
    list(train(read_recipe(Path("upper.toml")), registry, Path("upper.safetensors")))
    return "./upper.safetensors"


def run_script(model, *lines, **options):
    options = Options(model=model, lines=lines, plugins=(__file__,), on_error="continue", **options)
    return script.run(options)[0]


def test_it_is_unknown_without_its_spec(monkeypatch):
    monkeypatch.delitem(TASKS, SPEC.name)
    with pytest.raises(UsageError, match="unknown task 'upper_case'; the tasks are generate, translate,"):
        task_spec(SPEC.name)


def test_its_architecture_passes_the_contract():
    assert failed(check_architecture(seqshell_architectures()[0])) == []


def test_a_script_answers_in_text(model, capsys):
    assert run_script(model, "bad cafe", "/undo", "deaf", "/state") == 0
    out = capsys.readouterr().out.splitlines()

    assert out[:2] == ["BAD CAFE", "DEAF"]
    assert out[2].split() == ["position", "4"]


def test_a_script_answers_in_json(model, capsys):
    assert run_script(model, "bad", "/continue", "/set horizon 3", json="lines") == 1
    session, answer, refused, *_ = map(json.loads, capsys.readouterr().out.splitlines())

    assert (session["type"], session["task"]) == ("session", "upper_case")
    assert (answer["type"], answer["op"], answer["input"], answer["text"]) == ("result", "upper_case", "bad", "BAD")
    assert (refused["type"], refused["code"]) == ("error", "wrong_task")
    assert "upper has the task upper_case" in refused["message"]


def test_the_terminal_answers(model):
    stream = io.StringIO()
    printer = Printer(stream, colours=0, width=lambda: 80)
    options = Options(model=model, plugins=(__file__,), interactive=True)
    with create_pipe_input() as keyboard, create_app_session(input=keyboard, output=DummyOutput()):
        keyboard.send_text("bad cafe\r\r/quit\r")
        assert Repl(options, printer, Signals(), input=keyboard, output=DummyOutput()).run() == 0
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", stream.getvalue())

    assert SPEC.keys[0] in shown
    assert "BAD CAFE\n" in shown


def test_it_is_evaluated(model, capsys):
    Path("test.txt").write_text("a bad cafe")
    assert main(["evaluate", model, "test.txt", "-p", __file__]) == 0
    assert capsys.readouterr().out == "accuracy 100%\n"
    assert main(["evaluate", model, "test.txt", "-p", __file__, "--rows", "0:3"]) == 2
    assert "upper is an upper-case writer; --rows is for forecasters" in capsys.readouterr().err
