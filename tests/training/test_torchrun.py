"""The command lines of docs/distributed.md run, with fewer epochs; those for two machines in two torchruns on this one.

An option that is repeated replaces the one before it, so what is smaller here comes after the words of the page.
torchrun itself runs in this process, which has imported torch.
"""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.code_blocks import command_lines, marked
from torch.distributed.run import main as torchrun

import seqshell
from seqshell.core.tasks import Task

RECIPE = """\
task = "generate"
architecture = "rnn"
[data]
text = "text.txt"
[model]
embed_size = 4
hidden_size = 4
[training]
batch_size = 4
sequence_length = 8
epochs = 1
"""


def commands(kind: str) -> list[list[str]]:
    """What follows `torchrun` in the lines of the block of a kind."""
    ((name, text),) = marked(kind)
    found = [words for words in command_lines(text) if words.pop(0) == "torchrun"]
    assert name == "docs/distributed.md"
    return found


def before_module(words: list[str], *options: str) -> list[str]:
    """A command line with more options for torchrun."""
    place = words.index("-m")
    return [*words[:place], *options, *words[place:]]


@pytest.mark.usefixtures("folder")
def test_two_processes_of_a_machine_write_one_checkpoint(capfd: pytest.CaptureFixture[str]) -> None:
    (words,) = commands("processes")

    torchrun([*words, "--set", "training.epochs=1"])

    assert capfd.readouterr().err.count("wrote ") == 1
    assert seqshell.open("mine").model.task is Task.TRANSLATE


def test_two_machines_write_one_checkpoint_on_the_first(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (folder / "mine.toml").write_text(RECIPE, encoding="utf-8")
    (folder / "text.txt").write_text("The cat sat on the mat. " * 20, encoding="utf-8")
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    here = ["--nproc-per-node", "1", "--master-addr", "127.0.0.1", "--master-port", str(port)]
    machines = [before_module(words, *here) for words in commands("machines")]
    assert [words[words.index("--node-rank") + 1] for words in machines] == ["0", "1"]

    with ThreadPoolExecutor(len(machines)) as pool:
        list(pool.map(torchrun, machines))

    assert capfd.readouterr().err.count("wrote ") == 1
    assert seqshell.open("mine").model.tokenizer.size == len(set("The cat sat on the mat. "))
