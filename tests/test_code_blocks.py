"""Every code block of every page is run by a test, or is checked: the comment before it tells what it is.

Blocks of the kinds in RUN are run or compared: tests/plugins/test_plugin_pages.py follows the pages with them. A block
of BY_CI installs packages, and `.ci/run` runs it; one of `usage`, in the README of a package that only tests install,
is not run. What both name is looked up: subcommands, options, recipes, settings, modules, files, versions and extras.
"""

from __future__ import annotations

import re
import shlex
import tomllib
from importlib.util import find_spec

import pytest
from pip._internal.commands import create_command
from tests.code_blocks import DOCUMENTS, ROOT, blocks, command_lines, marked
from tests.plugins.pages import ALONE, PAGES

from seqshell.cli.options import extract_lines, first_argument, parse, shell_parser, subcommand_parser
from seqshell.cli.subcommands import SUBCOMMANDS
from seqshell.core.errors import SeqshellError
from seqshell.training.recipes.from_files import load_recipe

RUN = {"file", "part of", "shipped", "sketch", "shell", "prints", "conversation"}
ELSEWHERE = {  # run or compared by tests of their own
    "CONTRIBUTING.md": {"site", "hashes", "lock"},
    "README.md": {"environment", "run", "test", "transcript", "shell"},
    "checkpoints/README.md": {"message", "smaller"},
    "docs/architecture.md": {"layers"},
    "docs/cells.md": {"checkout"},
    "docs/completion.md": {"install"},
    "docs/distributed.md": {"message", "processes", "machines"},
    "docs/guides/bulk.md": {"cluster"},
    "docs/index.md": {"run"},
    "docs/notebooks.md": {"cell", "shows"},
    "docs/reliability.md": {"checkout"},
    "docs/speed.md": {"compiled"},
}
BY_CI = ("environment", "test", "site", "hashes", "lock")
FOLLOWED = {"plugins/README.md"} | {f"docs/{name}.md" for name in (*PAGES, *ALONE)}
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
PINNED = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
OTHERS = {".", "uv", "tail"}  # programs of which only the files are looked up
FILE = re.compile(r"\.?[\w.-]+(?:/[\w.-]+)+|[\w-]+\.(?:txt|lock|toml)")  # as the project has them
OWN = re.compile(r"(input|validation)\.txt|\.venv/.*|build/.*")  # what the reader makes, and not the project


def check_usage(words, folder=ROOT):
    """Raise for what a command names and does not exist. folder: of the page."""
    match words:
        case ["seqshell", *args]:
            check_seqshell(args, folder)
            return
        case ["pip", *args] | ["python", "-m", "pip", *args]:
            check_install(args)
        case ["python" | "python3" | "python3.11", "-m", module, *_]:
            assert find_spec(module), words
        case [program, *_]:
            assert program in OTHERS or (ROOT / program).is_file(), words
    for word in words:
        assert not FILE.fullmatch(word) or OWN.fullmatch(word) or (ROOT / word).exists(), word


def check_seqshell(args, folder):
    _, args = extract_lines(args)
    index = first_argument(args)
    if index is None or args[index] not in SUBCOMMANDS:
        assert not parse(shell_parser(), args).scripts, args
        return
    subcommand = SUBCOMMANDS[args.pop(index)]
    parser = subcommand_parser(subcommand.name, subcommand.summary)
    subcommand.add(parser)
    found = parse(parser, args)
    if subcommand.name == "train":
        names = [str(folder / name) if name.endswith(".toml") else name for name in found.recipe]
        load_recipe(names, found.overrides)


def check_install(args):
    """The options are pip's, what is pinned is as in constraints.txt, and the extras of seqshell exist."""
    command, *args = args
    _, packages = create_command(command).parser.parse_args(args)
    for name, version in (package.split("==") for package in packages if "==" in package):
        assert f"{name}=={version}" in PINNED
    for extra in re.findall(r"(?:^| )(?:seqshell|\.)\[(\w+)\]", " ".join(args)):
        assert extra in EXTRAS


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_code_block_is_run_or_checked(path):
    name = path.relative_to(ROOT).as_posix()
    found = blocks(path)
    kinds = {kind for kind, _ in found}

    assert len(found) == path.read_text("utf-8").count("\n```") // 2
    assert kinds <= RUN | {"usage"} | ELSEWHERE.get(name, set())
    assert name in FOLLOWED or not kinds & RUN - ELSEWHERE.get(name, set())


@pytest.mark.parametrize(
    ("name", "text"),
    [*marked("usage"), *marked("cluster"), *(found for kind in BY_CI for found in marked(kind))],
    ids=lambda value: value.partition("\n")[0][:60],
)
def test_command_lines_that_install_packages_name_what_exists(name, text):
    for words in command_lines(text):
        check_usage(words, (ROOT / name).parent)


@pytest.mark.parametrize("kind", [*BY_CI, "transcript", "shell"])
def test_the_blocks_that_the_tests_leave_to_ci_are_run_there(kind):
    (name,) = {name for name, _ in marked(kind) if name in {"README.md", "CONTRIBUTING.md"}}
    assert f"$(block {kind}{f' {name}' if name != 'README.md' else ''}" in (ROOT / ".ci" / "run").read_text("utf-8")


@pytest.mark.parametrize(
    "line",
    [
        "seqshell trian a",
        "seqshell bulk fly a -o b",
        "seqshell train --fly names",
        "seqshell train sonnets",
        "seqshell train names --set data.fly=1",
        "pip install 'seqshell[wings]'",
        "python -m pip install torch==1.0",
        "python -m docs.fly",
        "uv pip compile -c fly.txt",
        "rm a",
    ],
)
def test_a_command_line_that_does_not_exist_is_found(line):
    with pytest.raises((AssertionError, SeqshellError)):
        check_usage(shlex.split(line))
