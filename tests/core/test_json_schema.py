"""The JSON Schema of --json accepts what is printed, and nothing else. tests/test_docs.py compares every command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from tests.json_schema import SCHEMA, problem

from seqshell import Task
from seqshell.host import Policy
from seqshell.host.builtin import load_registry

TRANSCRIPTS = sorted((Path(__file__).parents[1] / "transcripts").glob("*.jsonl"))
MOVED = {"type": "result", "line": 1, "op": "/undo", "pos": 0, "was": 3, "branch": "main", "tail": ""}


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_every_object_of_a_recorded_conversation_is_valid(path):
    objects = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.startswith("{")]

    assert objects
    assert list(filter(None, map(problem, objects))) == []


@pytest.mark.parametrize(
    "changed",
    [
        {"pos": "0"},
        {"position": 0},
        {"type": "answer"},
        {"op": "/top"},
        {"unknown": "a"},
        {"type": "error", "code": "usage", "message": "no", "hint": ""},
    ],
    ids=str,
)
def test_an_object_with_another_field_type_or_kind_is_not_valid(changed):
    assert problem(MOVED) is None
    assert problem(MOVED | changed) is not None


def test_a_command_of_a_plugin_may_have_fields_of_its_own():
    assert problem(MOVED | {"op": "/poem", "rhymes": 3}) is None


def test_the_schema_is_valid_and_names_tasks_and_built_in_commands_alone():
    Draft202012Validator.check_schema(SCHEMA)
    first, *rules = SCHEMA["$defs"]["result"]["allOf"]
    named = [name for rule in rules for name in rule["if"]["properties"]["op"]["enum"]]

    assert sorted(named) == sorted(first["if"]["properties"]["op"]["enum"])
    assert set(named) <= {*map(str, Task), *(f"/{name}" for name in load_registry(Policy(plugins=())).commands)}
