"""Hooks, commands and the README are documented, and every documented example runs and prints what it shows."""

from __future__ import annotations

import html
import importlib.util
import inspect
import io
import json
import os
import re
import subprocess
import sys
import textwrap
from itertools import takewhile
from pathlib import Path

import pytest
from tests.json_schema import problem, undescribed

from seqshell import Task
from seqshell.cli.json_lines import JsonLines
from seqshell.core import hookspecs
from seqshell.core.events import ResultText
from seqshell.core.tasks import task_spec
from seqshell.host import Policy
from seqshell.host.builtin import load_registry
from seqshell.shell.commands.help import PURPOSES, WIDTH, describe
from seqshell.shell.shell import Shell

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
HOOKS = {name: value for name, value in vars(hookspecs).items() if name.startswith("seqshell_")}
COMMANDS = {found.name: found for found in dict(load_registry(Policy(plugins=())).commands).values()}


@pytest.fixture
def shell(registry, folder, monkeypatch):
    """A shell as a newcomer has it: the shipped model, an empty folder, and no matplotlib."""
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "matplotlib" else find(name))
    shell = Shell(registry)
    shell.open(task_spec("generate").default_model)
    shell.settings.set("max_tokens", 40)
    return shell


def steps(example):
    """Each input line of an example, with the output lines after it."""
    rest = example.splitlines()
    while rest:
        typed = rest.pop(0).removeprefix(">>> ")
        printed = list(takewhile(lambda line: not line.startswith(">>> "), rest))
        del rest[: len(printed)]
        yield typed, printed


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_has_a_summary_and_an_example_implementation(name):
    text = inspect.getdoc(HOOKS[name])
    implementation = textwrap.dedent(text.partition("\nExample:\n")[2])

    assert text.partition("\n")[0].endswith(".")
    assert implementation.startswith(f"@seqshell.hookimpl\ndef {name}(")
    compile(implementation, name, "exec")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_what_it_does_and_what_happens_to_the_state(name):
    described = describe(COMMANDS[name])
    effect = re.search(r"\bstates?\b|text had ever been read|Leave|forget", described.summary)

    assert effect, f"the first line of /{name} does not say what happens to the state: {described.summary}"
    assert described.summary.endswith(".")
    assert COMMANDS[name].purpose in PURPOSES
    assert COMMANDS[name].tasks <= set(Task)
    assert all(option.help for option in COMMANDS[name].options)
    assert all(len(line) < WIDTH for line in described.example.splitlines())


@pytest.mark.parametrize("name", COMMANDS)
def test_the_example_of_every_command_prints_what_it_shows_and_valid_json(name, shell):
    example = describe(COMMANDS[name]).example
    shell.interactive = name == "explore"  # which needs a terminal

    assert f">>> /{name}" in example
    for typed, printed in steps(example):
        shown, written = ResultText(), io.StringIO()
        output = JsonLines(written, io.StringIO())
        output.begin(1, typed, None if typed.startswith("/") else typed, None)
        for event in shell.run(typed):
            shown.add(event)
            output.event(event)
        if printed:
            assert shown.text.splitlines() == printed, typed
        objects = [json.loads(line) for line in written.getvalue().splitlines()]
        assert list(filter(None, map(problem, objects))) == [], typed
        assert set().union(*map(undescribed, objects)) == set(), typed


def test_the_script_lines_in_the_readme_run(tmp_path):
    (block,) = re.findall(r"<!-- shell -->\n```sh\n(.*?)```", README, re.DOTALL)
    environment = {
        **os.environ,
        "SEQSHELL_HOME": str(tmp_path),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    text, objects, labels = (
        subprocess.run(
            ["bash", "-c", line], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
        ).stdout
        for line in block.splitlines()
    )
    types = [json.loads(line)["type"] for line in objects.splitlines()]

    assert len(text.strip("\n")) >= 30
    assert [line.split("\t")[0] for line in labels.splitlines()] == ["Japanese", "Russian"]
    assert types == ["session", "result", "result", "end"]


def test_the_small_torch_in_the_readme_is_the_one_that_is_tested():
    (version,) = re.findall(r"pip install (torch==\S+) --index-url", README)

    assert version in (ROOT / "constraints.txt").read_text("utf-8").splitlines()


def script(name):
    """The module docs/NAME.py."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def picture():
    return script("picture")


def test_the_picture_of_a_history_is_drawn_from_a_session():
    history = script("history")
    texts, written = history.branches()

    assert list(texts) == ["main", "main.2", "other"]
    assert history.drawn(texts, written) == history.PICTURE.read_text("utf-8")


def test_the_picture_in_the_readme_shows_the_lines_of_its_script(picture):
    svg = picture.PICTURE.read_text("utf-8")
    texts = [html.unescape(text).strip("\xa0 \n").replace("\xa0", " ") for text in re.findall(r">([^<]+)<", svg)]

    assert f"({picture.PICTURE.relative_to(ROOT)})" in README.replace("\n", "")
    assert set(picture.LINES) <= set(texts)
    assert "@font-face" not in svg


def test_the_picture_is_drawn_from_a_real_run_with_its_colours(picture):
    drawn = picture.as_text(picture.screen_after(("/set surprisal on",)))
    prompt = drawn.plain.index(">>> /set")

    assert ">>> /set surprisal on\nsurprisal on (was off)" in re.sub(r" +\n", "\n", drawn.plain)
    assert drawn.get_style_at_offset(picture.Console(), 0).bold
    assert drawn.get_style_at_offset(picture.Console(), prompt).color.name == "#87afd7"
