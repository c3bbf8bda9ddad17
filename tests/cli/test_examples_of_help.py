"""The examples that the help of show, cp, rm, pull and paths ends with."""

from __future__ import annotations

import shlex

import pytest

from seqshell.cli import main
from seqshell.cli.options import parse, subcommand_parser
from seqshell.cli.subcommands import SUBCOMMANDS
from seqshell.core import paths
from seqshell.testing import tiny_checkpoint


def examples(name):
    """The arguments of each example, without `seqshell`."""
    parser = subcommand_parser(name, "")
    SUBCOMMANDS[name].add(parser)
    return [shlex.split(line)[1:] for line in parser.epilog.splitlines() if line.startswith("  seqshell ")]


@pytest.mark.parametrize("name", ["show", "cp", "rm", "paths"])
def test_the_examples_run(capsys, folder, name):
    models = paths.folder("models")
    models.mkdir(parents=True)
    found = [["rm", "mine", "--yes"] if words == ["rm", "mine"] else words for words in examples(name)]  # it asks

    assert len(found) == 2
    for words in found:
        if words[:2] != ["cp", "shakespeare"]:
            tiny_checkpoint(models / "mine.safetensors")
        if name == "show":
            tiny_checkpoint(folder / "mine.safetensors")
        assert main(words) == 0, words


def test_the_examples_of_downloads_are_accepted():
    for words in examples("pull"):
        parser = subcommand_parser("pull", "")
        SUBCOMMANDS["pull"].add(parser)
        assert parse(parser, words[1:]).source.startswith(("hf:OWNER/REPO", "https://"))
