"""The JSON Schema of what --json prints, for tests of all packages."""

from __future__ import annotations

import json
from importlib.resources import files

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

SCHEMA = json.loads(files("seqshell.core.events").joinpath("json_lines.schema.json").read_text("utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA)
RESULT = SCHEMA["$defs"]["result"]
LISTED = set(RESULT["allOf"][0]["if"]["properties"]["op"]["enum"])
ANY = {*RESULT["properties"], *SCHEMA["$defs"]["text"]["properties"]}  # what any command may have


def undescribed(found):
    """The fields of a result of a built-in command that the schema should describe, but does not."""
    return set() if found.get("op") in LISTED else {f"{found.get('op')} {name}" for name in set(found) - ANY}


def problem(found):
    """What the schema finds wrong with an object; None if it is valid."""
    error = best_match(VALIDATOR.iter_errors(found))
    return error and f"{found.get('op', found.get('type'))}: {error.message:.300}"
