"""The JSON Schema of what --json prints, for tests of all packages."""

from __future__ import annotations

import json
from importlib.resources import files

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

SCHEMA = json.loads(files("seqshell.core.events").joinpath("json_lines.schema.json").read_text("utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA)


def problem(found):
    """What the schema finds wrong with an object; None if it is valid."""
    error = best_match(VALIDATOR.iter_errors(found))
    return error and f"{found.get('op', found.get('type'))}: {error.message:.300}"
