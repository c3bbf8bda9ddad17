"""/reach: the gradient of the last log-probability with respect to each token before it; the state does not change."""

from __future__ import annotations

import io
import math
import re
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

import seqshell
from seqshell.core.errors import UsageError
from seqshell.core.events import Notice, Reach
from seqshell.core.plugin_api import build
from seqshell.core.tokenizers import CharTokenizer
from seqshell.host import resolve
from seqshell.terminal.printer import Printer
from seqshell.terminal.renderer import Renderer
from seqshell.testing import tiny_checkpoint, tiny_model
from seqshell.testing.shell import shell_for
from seqshell.training.torch_module import torch_module

LETTERS = "\n abcdefgh"


@pytest.fixture
def shell(tmp_path):
    shell = shell_for()
    shell.open(tiny_checkpoint(tmp_path / "tiny.safetensors", LETTERS, seed=2))
    return shell


def saved(shell, path, name, **settings):
    """An open model of an architecture with random weights."""
    tokenizer, offered = CharTokenizer(LETTERS), shell.registry.architectures[name]
    torch.manual_seed(0)
    config = build(resolve(offered.config), {"vocab_size": tokenizer.size, **settings})
    module = resolve(offered.model)(config)
    seqshell.save_checkpoint(
        path, architecture=name, module=module, tokenizer=tokenizer, registry=shell.registry, config=config
    )
    shell.open(path)
    return module


def reached(shell, line):
    before = (shell.session.position, shell.session.branch, shell.session.text())
    *_, found = shell.handle(line)
    assert (shell.session.position, shell.session.branch, shell.session.text()) == before
    assert isinstance(found, Reach)
    return found, found.as_json()


def test_reach_agrees_with_numerical_gradients(shell):
    """Each vector is moved along every axis, and the log-probability of the last token read again."""
    list(shell.handle("/feed abcabd"))
    found, _ = reached(shell, "/reach 5")
    decoder, (*read, last) = shell.session.model.decoder, shell.session.ids()
    module = torch_module(shell.session.model, shell.registry).double()

    def log_prob(moved):
        with torch.no_grad():
            vectors = module.embedding(torch.tensor([read])) + moved
            hidden, _ = module.recurrent(vectors, decoder_state)
            return module.readout(hidden)[0, -1].log_softmax(-1)[last].item()

    decoder_state = torch.from_numpy(decoder.initial_state(1)).double()
    assert found.log_prob == pytest.approx(log_prob(torch.zeros(1, 5, 8)), abs=1e-5)
    for index, (_, norm) in enumerate(found.tokens):
        slopes = []
        for axis in range(8):
            step = torch.zeros(1, 5, 8, dtype=torch.float64)
            step[0, index, axis] = 1e-5
            slopes.append((log_prob(step) - log_prob(-step)) / 2e-5)
        assert norm == pytest.approx(math.hypot(*slopes), rel=1e-3)


def test_fewer_tokens_give_the_last_ones_of_more(shell):
    """The state before the window is the session's own."""
    list(shell.handle("/feed abcdefgh abcdefgh abcdefgh abcdefgh abcdefgh"))
    long, _ = reached(shell, "/reach 40")
    short, values = reached(shell, "/reach 3")

    assert [text for text, _ in short.tokens] == ["e", "f", "g"]
    assert (short.answer, values["token"]) == ("h", "h")
    np.testing.assert_allclose([norm for _, norm in short.tokens], [norm for _, norm in long.tokens[-3:]], rtol=1e-4)
    assert [item["back"] for item in values["reach"]] == [3, 2, 1]
    assert set(values) == {"token", "logprob", "half_life", "surprisal_nats", "surprisal_bits", "reach"}
    assert len(reached(shell, "/reach 1000")[0].tokens) == 43


def test_reach_shows_only_tokens_that_were_read(shell):
    list(shell.handle("/feed ab"))

    assert [text for text, _ in reached(shell, "/reach")[0].tokens] == ["a"]


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("rnn", {"embed_size": 0, "hidden_size": 8}),
        ("lstm", {"embed_size": 8, "hidden_size": 8, "residual": True, "layer_norm": True}),
        ("gru", {"embed_size": 8, "hidden_size": 8, "tied": True}),
        ("elman", {"embed_size": 0, "hidden_size": 8, "form": "i2o"}),
        ("lstm_cell", {"embed_size": 4, "hidden_size": 8}),
        ("gru_cell", {"embed_size": 4, "hidden_size": 8}),
    ],
)
def test_reach_works_for_every_recurrent_architecture(shell, tmp_path, name, settings):
    saved(shell, tmp_path / "model.safetensors", name, **settings)
    list(shell.handle("/feed abcdef"))
    found, _ = reached(shell, "/reach 4")

    assert [text for text, _ in found.tokens] == ["b", "c", "d", "e"]
    assert all(norm > 0 for _, norm in found.tokens)
    list(shell.handle("/undo 1t"))
    assert found.log_prob == pytest.approx(shell.session.score("f").log_prob, abs=1e-4)


def test_the_gradients_of_each_layer_are_the_slopes_of_its_numbers(shell, tmp_path):
    """Each number of the state in which a token was read is moved, and the log-probability read again."""
    module = saved(shell, tmp_path / "model.safetensors", "lstm", embed_size=4, hidden_size=3, num_layers=2).double()
    list(shell.handle("/feed abcabd"))
    found, values = reached(shell, "/reach --layers 4")
    norms = {each.part: each.norms for each in found.parts}
    assert list(norms) == ["hidden[0]", "hidden[1]", "cell[0]", "cell[1]"]
    ids = shell.session.ids()

    def log_prob(back, state):
        with torch.no_grad():
            outputs, _ = module(torch.tensor([ids[-1 - back : -1]]), type(state)(*map(torch.from_numpy, state)))
        return outputs[0, -1].log_softmax(-1)[ids[-1]].item()

    for back in (1, 2, 4):
        state = shell.session.ancestor(back + 1).state
        wide = type(state)(*(leaf.astype(np.float64) for leaf in state))
        for part, (number, layer) in zip(norms, [(0, 0), (0, 1), (1, 0), (1, 1)], strict=True):
            slopes = []
            for unit in range(3):
                ends = []
                for step in (1e-5, -1e-5):
                    moved = [leaf.copy() for leaf in wide]
                    moved[number][0, layer, unit] += step
                    ends.append(log_prob(back, type(state)(*moved)))
                slopes.append((ends[0] - ends[1]) / 2e-5)
            assert norms[part][-back] == pytest.approx(math.hypot(*slopes), rel=1e-3, abs=1e-7)
    plain, _ = reached(shell, "/reach 4")
    np.testing.assert_allclose([n for _, n in found.tokens], [n for _, n in plain.tokens], rtol=1e-4)
    assert set(values["states"]) == set(values["half_lives"]) == set(norms)
    assert found.as_rows()[0] == ("back", "text", "norm", *norms)
    assert [line.split()[0] for line in drawn(found, 0)[-4:]] == list(norms)


def test_any_two_positions_can_be_compared(shell):
    list(shell.handle("/feed abcdefgh"))
    early, _ = reached(shell, "/reach @2 @5")
    list(shell.handle("/rewind 5"))
    expected, _ = reached(shell, "/reach 3")

    assert [text for text, _ in early.tokens] == ["b", "c", "d"]
    assert early.answer == "e"
    assert early == expected


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("@0 @3", "'@0' is outside main, which has tokens from @1 to @6"),
        ("@1 @7", "'@7' is outside main, which has tokens from @1 to @6"),
        ("@x @3", "'@x' is outside main"),
        ("2 @3", "'2' is outside main"),
        ("@3 @3", "TO must be after FROM, and at most 1,000 tokens"),
        ("@3", "@3 needs a second position: /reach FROM TO"),
        ("1 2 3", "unexpected '3'"),
    ],
)
def test_positions_that_were_not_read_are_refused_in_one_line(shell, given, message):
    list(shell.handle("/feed abcdef"))
    before = shell.session.here
    with pytest.raises(UsageError) as refused:
        list(shell.handle(f"/reach {given}"))
    assert refused.value.message.startswith(message)
    assert shell.session.here is before


def test_loading_torch_is_announced_only_when_it_happens(shell, monkeypatch):
    list(shell.handle("/feed ab"))
    assert not any(isinstance(event, Notice) for event in shell.handle("/reach"))
    monkeypatch.delitem(sys.modules, "torch")
    first = next(iter(shell.handle("/reach")))
    assert first == Notice("loading torch for the gradients")


def test_models_without_gradients_are_reported_in_one_line(shell, tmp_path):
    def message(line):
        with pytest.raises(UsageError) as caught:
            list(shell.handle(line))
        return caught.value.message

    assert message("/reach") == "tiny has not read two tokens, the first of which may affect the second, yet"
    list(shell.handle("/feed abc"))
    assert message("/reach 0") == "the number of tokens must be 1 to 1,000, not 0"
    shell.workspace.add(tiny_model())
    list(shell.handle("/feed abc"))
    assert message("/reach").endswith("has no file, from which /reach reads the torch module for the gradients")


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("ngram", {"order": 3}),
        ("ngram", {"order": 1}),
        ("maxent", {"order": 3, "table_size": 64}),
        ("neural_ngram", {"order": 3, "embed_size": 4, "hidden_size": 8}),
    ],
)
def test_a_state_of_tokens_is_reported_without_torch(shell, tmp_path, monkeypatch, name, settings):
    saved(shell, tmp_path / "model.safetensors", name, **settings)
    list(shell.handle("/feed abc"))
    monkeypatch.delitem(sys.modules, "torch")
    with pytest.raises(UsageError) as caught:
        list(shell.handle("/reach"))
    number = settings["order"] - 1
    state = f"its state holds whole numbers ({number}), such as the last tokens, and it remembers nothing else"
    assert caught.value.message == f"model has no gradients: {state}"
    assert "torch" not in sys.modules


class Screen(io.StringIO):
    encoding = "utf-8"


def drawn(reach, colours):
    screen = Screen()
    Renderer(Printer(screen, colours=colours, width=lambda: 60)).draw(reach)
    return re.sub(r"\x1b\[[0-9;]*m", "", screen.getvalue()).splitlines()


def test_the_picture_has_a_row_for_each_token_or_for_every_few_of_them():
    reach = Reach(
        tuple((letter, 2.0**-back) for letter, back in zip("abcd", (3, 2, 1, 0), strict=True)), "e", -0.5, 1.0
    )
    lines = drawn(reach, 0)

    assert [line.split()[:2] for line in lines[1:5]] == [["4", "a"], ["3", "b"], ["2", "c"], ["1", "d"]]
    assert [line.count("█") for line in lines[1:5]] == [3, 13, 24, 35]
    assert lines[5] == "next token e, log p -0.5000 nats · half-life 1 tokens"
    assert reach.as_text().splitlines()[-1] == "of 'e', log p -0.5000 nats; half-life 1 tokens"
    assert replace(reach, unit="bits").as_text().splitlines()[-1] == "of 'e', log p -0.7213 bits; half-life 1 tokens"
    rows = drawn(Reach((("a", 1.0),) * 81, "e", -0.5, None), -1)
    assert len(rows) == 29
    assert [row.split()[0] for row in rows[1:-1]] == [str(back) for back in range(81, 0, -3)]
    assert rows[-1].endswith("no decay with distance")
