"""The schema of what subcommands print with --json: it has each of them, and refuses other objects."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from tests.command_schema import PRINTED_BY, WRITTEN, problem, schema

import seqshell.cli
from seqshell.cli.subcommands import SUBCOMMANDS

FOLDER = Path(str(seqshell.cli.__file__)).parent
COPIED = {"model": "a", "path": "/a.safetensors", "bytes": 3}


def callers(path):
    """The functions of a module that call print_json, as MODULE.FUNCTION."""
    for function in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(function, ast.FunctionDef):
            names = {node.func.id for node in ast.walk(function) if isinstance(node, ast.Call) and _is_name(node.func)}
            if "print_json" in names:
                yield f"{path.stem}.{function.name}"


def _is_name(node):
    return isinstance(node, ast.Name)


def test_each_object_that_a_subcommand_prints_has_a_schema():
    named = [*WRITTEN, *(name for names in PRINTED_BY.values() for name in names)]
    listed = [ref["$ref"].rpartition("/")[2] for ref in schema()["anyOf"]]

    assert {name for path in FOLDER.glob("*.py") for name in callers(path)} == set(PRINTED_BY)
    assert sorted(named) == sorted(listed) == sorted(set(schema()["$defs"]) - {"training", "bulk_line"})
    Draft202012Validator.check_schema(schema())


def test_each_title_is_a_command_line_of_a_subcommand():
    names = [*WRITTEN, *(name for names in PRINTED_BY.values() for name in names)]
    titles = [schema()["$defs"][name]["title"].split() for name in names]

    assert {words[0] for words in titles} == {"seqshell"}
    assert {words[1] for words in titles} == set(SUBCOMMANDS) - {"completion"}


@pytest.mark.parametrize("changed", [{"bytes": "3"}, {"size": 3}, {"path": None}], ids=str)
def test_an_object_with_another_field_or_type_is_not_valid(changed):
    assert problem(COPIED, "cp") is None
    assert problem(COPIED | changed, "cp") is not None
    assert problem(COPIED, "rm") == "rm: $: 'removed' is a required property"


def test_a_schema_can_name_one_of_the_shell():
    assert problem({"loss_curves": [], "file": "a.html"}, "runs_plot") is None
    assert problem({"loss_curves": []}, "runs_plot") == "runs_plot: $: 'file' is a required property"
    assert problem({"loss_curves": 1, "file": "a.html"}, "runs_plot") is not None
