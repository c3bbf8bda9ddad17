"""Every code block of docs/ is run by a test, or says that it is not: the comment before it tells what it is.

Blocks of the kinds in RUN are run or compared: tests/plugins/test_plugin_pages.py follows the pages with them. A block
of `usage` needs several machines; here the subcommands, options and extras of its command lines are checked.
"""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import pytest
from tests.plugins.test_plugin_pages import ALONE, PAGES
from torch.distributed.run import get_args_parser

from seqshell.cli.options import extract_lines, first_argument, parse, shell_parser, subcommand_parser
from seqshell.cli.subcommands import SUBCOMMANDS
from seqshell.core.errors import UsageError

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted((ROOT / "docs").rglob("*.md"))
BLOCK = re.compile(r"(?:^<!-- ([a-z ]+?)(?: [\w./]+)? -->\n)?^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
RUN = {"file", "part of", "shipped", "sketch", "shell", "prints", "conversation"}
ELSEWHERE = {  # compared by tests of their own
    "docs/architecture.md": {"layers"},
    "docs/cells.md": {"checkout"},
    "docs/completion.md": {"install"},
    "docs/distributed.md": {"message"},
    "docs/index.md": {"run"},
    "docs/notebooks.md": {"cell", "shows"},
    "docs/reliability.md": {"checkout"},
    "docs/speed.md": {"compiled"},
}
FOLLOWED = {f"docs/{name}.md" for name in (*PAGES, *ALONE)}
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]


def blocks(path):
    """The kind and the text of each code block."""
    return [(kind, text) for kind, _, text in BLOCK.findall(path.read_text("utf-8"))]


def marked(kind):
    return [(str(path.relative_to(ROOT)), text) for path in DOCUMENTS for mark, text in blocks(path) if mark == kind]


def command_lines(text):
    """The words of each command, without comments and variables of the environment."""
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        while words and re.fullmatch(r"\w+=.*", words[0]):
            words.pop(0)
        if words:
            yield words


def check_usage(words):
    """Raise for a subcommand, an option or an extra that does not exist."""
    if words[0] == "torchrun":
        found = get_args_parser().parse_args(words[1:])
        assert (found.module, found.training_script) == (True, "seqshell")
        check_usage(["seqshell", *found.training_script_args])
    elif words[0] == "seqshell":
        _, args = extract_lines(words[1:])
        index = first_argument(args)
        if index is None or args[index] not in SUBCOMMANDS:
            assert not parse(shell_parser(), args).scripts, words
            return
        subcommand = SUBCOMMANDS[args.pop(index)]
        parser = subcommand_parser(subcommand.name, subcommand.summary)
        subcommand.add(parser)
        parse(parser, args)
    else:
        assert words[:2] == ["pip", "install"], words
        assert re.fullmatch(r"seqshell\[(\w+)\]", words[2])[1] in EXTRAS


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT / "docs")))
def test_every_code_block_is_run_or_says_that_it_is_not(path):
    name = path.relative_to(ROOT).as_posix()
    found = blocks(path)
    kinds = {kind for kind, _ in found}

    assert len(found) == path.read_text("utf-8").count("\n```") // 2
    assert kinds <= RUN | {"usage"} | ELSEWHERE.get(name, set())
    assert name in FOLLOWED or not kinds & RUN


@pytest.mark.parametrize(("name", "text"), marked("usage"), ids=lambda value: value.partition("\n")[0][:60])
def test_command_lines_that_are_not_run_name_what_exists(name, text):
    for words in command_lines(text):
        check_usage(words)


@pytest.mark.parametrize(
    "line",
    ["seqshell trian a", "seqshell bulk fly a -o b", "torchrun -m seqshell train --fly a", "torchrun train.py", "rm a"],
)
def test_a_command_line_that_does_not_exist_is_found(line):
    with pytest.raises((AssertionError, UsageError)):
        check_usage(shlex.split(line))
