"""The JSON Schema of what subcommands print with --json. tests/conftest.py has all tests compare with it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from seqshell.bulk.job import VERBS
from seqshell.core.json_values import one_line

EVENTS = files("seqshell.core.events")
# The functions that print an object, as MODULE.FUNCTION of seqshell.cli, with the names of its schemas.
PRINTED_BY = {
    "average.average_command": ("average",),
    "config.config_command": ("config_path",),
    "config._show": ("config",),
    "evaluate.compare_command": ("compare",),
    "evaluate.evaluate_command": ("evaluate",),
    "export.export_command": ("export",),
    "folders.paths_command": ("paths",),
    "import_weights._explain": ("import_explain",),
    "import_weights.import_command": ("import",),
    "model_files.cp_command": ("cp",),
    "model_files.rm_command": ("rm",),
    "models._check": ("models_check",),
    "models._clean": ("models_clean",),
    "models.models_command": ("models",),
    "plugins.plugins_command": ("plugins",),
    "plugins_check.check_command": ("plugins_check",),
    "plugins_new.new_command": ("plugins_new",),
    "pull._report": ("pull",),
    "runs._plot": ("runs_plot",),
    "runs._remove": ("runs_rm",),
    "runs._show": ("runs_show",),
    "runs._list": ("runs",),
    "score._score": ("score",),
    "show.show_command": ("show",),
    "trace.trace_command": ("trace",),
    "train._dry_run": ("train_dry_run",),
    "train._train": ("train", "train_state"),
    "train.recipes_command": ("recipes",),
}
# Of the lines that `seqshell bulk` writes, one for each verb.
WRITTEN = tuple(f"bulk_{verb}" for verb in VERBS)


@cache
def schema() -> dict[str, Any]:
    return dict(json.loads(EVENTS.joinpath("commands.schema.json").read_text("utf-8")))


@cache
def _validator(*names: str) -> Any:
    from jsonschema import Draft202012Validator
    from referencing import Registry, Resource

    lines = json.loads(EVENTS.joinpath("json_lines.schema.json").read_text("utf-8"))
    resources = Registry().with_resource("json_lines.schema.json", Resource.from_contents(lines))
    first, *others = ({"$ref": f"#/$defs/{name}"} for name in names)
    chosen = {"anyOf": [first, *others]} if others else first
    return Draft202012Validator({"$defs": schema()["$defs"], **chosen}, registry=resources)


def problem(found: Any, *names: str) -> str | None:
    """What the schemas of these names find wrong with an object; None if one of them accepts it."""
    from jsonschema.exceptions import best_match

    error = best_match(_validator(*names).iter_errors(found))
    return error and f"{' or '.join(names)}: {error.json_path}: {error.message:.300}"


def checked(print_json: Callable[[Mapping[str, Any]], None]) -> Callable[[Mapping[str, Any]], None]:
    """The function, which first compares an object with the schema of the function of seqshell.cli that prints it."""

    def check(values: Mapping[str, Any]) -> None:
        caller = sys._getframe(1)
        module = str(caller.f_globals["__name__"])
        if module.startswith("seqshell.cli."):
            names = PRINTED_BY[f"{module.rpartition('.')[2]}.{caller.f_code.co_name}"]
            wrong = problem(json.loads(one_line(values)), *names)
            assert wrong is None, wrong
        print_json(values)

    return check
