"""The views of every language model that is registered, or one line that says why not, and choosing by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import seqshell
from seqshell.core.errors import UsageError
from seqshell.core.plugin_api import build, settings_of
from seqshell.core.tasks import Task
from seqshell.core.tokenizers import CharTokenizer
from seqshell.host import Policy, resolve
from seqshell.host.builtin import load_registry
from seqshell.inspect.exploring import Explorer
from seqshell.testing.shell import shell_for

REGISTRY = load_registry(Policy(no_plugins=True))
NAMES = [name for name, offered in REGISTRY.architectures.items() if offered.task is Task.GENERATE]
TOKENS_ONLY = {"ngram", "maxent", "neural_ngram", "window_lstm"}  # their states hold the last tokens
GATES = {
    "lstm": ["input[0]", "forget[0]", "output[0]", "input[1]", "forget[1]", "output[1]"],
    "gru": ["reset[0]", "update[0]", "reset[1]", "update[1]"],
}
LETTERS = "\n abcdefgh"
TEXT = "".join(np.random.default_rng(0).choice(list(LETTERS[1:]), 120))


@pytest.fixture(scope="module", params=NAMES)
def shell(request, tmp_path_factory):
    """A shell with a model of the architecture with random weights, which has read a text."""
    shell, tokenizer, offered = shell_for(), CharTokenizer(LETTERS), REGISTRY.architectures[request.param]
    kind = resolve(offered.config)
    small = {"hidden_size": 6, "embed_size": 4, "num_layers": 2, "table_size": 64}
    small |= {"num_heads": 2, "head_size": 3, "state_size": 2, "context_length": 4}
    settings = {each.name for each in settings_of(kind)}
    config = build(
        kind, {"vocab_size": tokenizer.size} | {name: small[name] for name in sorted(settings & small.keys())}
    )
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("model") / f"{request.param}.safetensors"
    seqshell.save_checkpoint(
        path,
        architecture=request.param,
        module=resolve(offered.model)(config),
        tokenizer=tokenizer,
        registry=shell.registry,
        config=config,
    )
    shell.open(path)
    list(shell.handle(f"/feed {TEXT}"))
    return shell


def looked(shell, line):
    """The last event, or the message; nothing has moved."""
    before = shell.session.here, shell.session.branch
    try:
        *_, found = shell.handle(line)
    except UsageError as refused:
        found = refused.message
        assert "\n" not in found
    assert before == (shell.session.here, shell.session.branch)
    return found


def test_each_view_shows_the_model_or_says_why_not(shell):
    name = shell.session.model.architecture
    spectrum, probe, reach = (
        looked(shell, each) for each in ("/spectrum", "/probe --regex [abc]", "/reach --layers 5")
    )
    if name in TOKENS_ONLY:
        assert "whole numbers" in spectrum
        assert "whole numbers" in probe
        assert "whole numbers" in reach
    else:
        size = sum(leaf.size for leaf in seqshell.state.leaves(shell.session.state))
        assert len(spectrum.eigenvalues) == size
        assert [each.part for each in probe.scores] == [each.part for each in reach.parts]
        assert all(len(each.norms) == 5 for each in reach.parts)

    gates = looked(shell, "/gates")
    if name in GATES:
        assert [each.gate for each in gates.gates] == GATES[name]
        assert gates.num_tokens == len(TEXT)
    elif isinstance(gates, str):
        assert gates == f"{shell.session.model.name} shows no gates: the decoder of {name} has no trace that tells them"
    else:
        assert all(0 <= share <= 1 for each in gates.gates for share in (*each.left, *each.right))


def test_what_may_come_next_is_shown_and_chosen_by_hand(shell):
    top = [each.id for each in looked(shell, "/top 3").tokens]
    position, words = shell.session.position, looked(shell, "/words 3")

    assert [each.id for each in looked(shell, f"/alt --show 3 {position}").choices] == top
    assert looked(shell, "/tree 2 top_p=0.1").nodes[0].id == top[0]
    assert words.covered + words.rest == pytest.approx(1.0)
    (picked,) = shell.handle("/pick 2 1 0")
    assert picked.picks[0].id == top[1]
    explorer = Explorer(shell.session)
    explorer.move(-2)
    explorer.select(1 if explorer.selected == 0 else -1)
    explorer.fork()
    assert (shell.session.branch, shell.session.position) == ("main.2", position + 2)
    for line in ("/undo", "/checkout main", "/drop main.2"):
        list(shell.handle(line))
    assert shell.session.position == position + 3
    list(shell.handle("/undo"))
    assert (shell.session.position, shell.session.text().text) == (position, TEXT)
