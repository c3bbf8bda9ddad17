"""Checks what a plugin offers: when it is offered or, for a Lazy, when its target is imported."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from seqshell.core.errors import PluginError
from seqshell.core.model import Architecture
from seqshell.core.names import NAME
from seqshell.core.plugin_api import SAMPLER_STAGES, Command, Lazy, Option, settings_of, stage_of
from seqshell.core.tasks import TASKS
from seqshell.host.imports import TARGET

REQUIRED = {  # attributes of an offered class
    "sampler": ("__call__",),
    "strategy": ("search", "streams"),
    "tokenizer": ("encode", "piece", "size", "to_json", "from_json"),
}

FUNCTIONS = ("importer", "data")  # kinds of offers that are functions


def name_of(kind: str, offered: Any) -> str:
    """The name of an offer. Raises PluginError if it is not a valid offer of its kind."""
    if isinstance(offered, Lazy):
        if kind == "architecture":
            raise PluginError("offer an Architecture, not a Lazy: its config, model and decoder may be given by name")
        if not isinstance(offered.target, str) or not TARGET.fullmatch(offered.target) or ":" not in offered.target:
            raise PluginError(f"the target {offered.target!r} is not of the form package.module:Name")
        name: Any = offered.name
    elif kind in FUNCTIONS:
        name = getattr(offered, "name", getattr(offered, "__name__", None))
    else:
        name = getattr(offered, "name", None)
    if not isinstance(name, str) or not (NAME.fullmatch(name) or (kind == "command" and name == "?")):
        raise PluginError(
            f"{_described(offered)} is not a valid {kind}: "
            "its name must consist of letters, digits, dots, dashes or underscores"
        )
    if not isinstance(offered, Lazy):
        check(kind, offered, name)
    return name


def check(kind: str, value: Any, name: str) -> None:
    """Raise PluginError unless `value` is a valid offer of this kind and name."""
    if kind == "architecture":
        _check_architecture(value)
    elif kind == "command":
        if not isinstance(value, Command) or not callable(value.run):
            raise PluginError(f"{_described(value)} is not a Command; @seqshell.command makes one")
        _check_command(value)
    elif kind in FUNCTIONS:
        if not callable(value):
            raise PluginError(f"{_described(value)} is not callable")
    else:
        if not isinstance(value, type):
            raise PluginError(f"{_described(value)} is not a class")
        missing = [attribute for attribute in REQUIRED[kind] if not hasattr(value, attribute)]
        if missing:
            raise PluginError(f"{value.__name__} has no {', '.join(missing)}")
        if kind != "tokenizer" and not _is_frozen_dataclass(value):
            raise PluginError(f"{value.__name__} is not a frozen dataclass")
        if getattr(value, "name", None) != name:
            raise PluginError(
                f"{value.__name__} has the name {getattr(value, 'name', None)!r}, but is offered as {name!r}"
            )
        if kind != "tokenizer":
            settings_of(value)
        if kind == "sampler" and (error := stage_error(value)):
            raise PluginError(error)


def stage_error(sampler: type[Any]) -> str:
    """What is wrong with the stage that a sampler's class declares; empty if it is valid."""
    stage = stage_of(sampler)
    if stage in SAMPLER_STAGES:
        return ""
    return f"{sampler.__name__} declares the stage {stage!r}; expected one of {', '.join(SAMPLER_STAGES)}"


def folder(offered: Any) -> Path:
    """The path of a folder that a plugin offers. Raises PluginError if it does not exist."""
    if not isinstance(offered, str | Path) or not Path(offered).is_dir():
        what = repr(str(offered)) if isinstance(offered, str | Path) else _described(offered)
        raise PluginError(f"{what} is not a folder")
    return Path(offered)


def _check_architecture(value: Any) -> None:
    if not isinstance(value, Architecture):
        raise PluginError(f"{_described(value)} is not an Architecture")
    if value.task not in TASKS:
        raise PluginError(
            f"the architecture {value.name} has the task {value.task!r}; expected one of {', '.join(TASKS)}"
        )
    if value.grows not in ("", "axis"):
        raise PluginError(f'grows of the architecture {value.name} must be "axis" or "", not {_described(value.grows)}')
    if value.shares_vocabulary and not TASKS[value.task].has_source:
        raise PluginError(f"the architecture {value.name} shares a vocabulary, but its task {value.task} has only one")
    parts = [("config", value.config), ("model", value.model), *(("decoder", each) for each in value.decoders)]
    for part, found in parts:
        is_target = isinstance(found, str) and TARGET.fullmatch(found) and ":" in found
        is_object = isinstance(found, type) and dataclasses.is_dataclass(found) if part == "config" else callable(found)
        if not (is_target or is_object):
            expected = "a dataclass" if part == "config" else "a class or function"
            raise PluginError(
                f"the {part} of the architecture {value.name} must be {expected} or package.module:Name, "
                f"not {_described(found)}"
            )


def _check_command(value: Command) -> None:
    """Raise PluginError for a command whose fields help, completion or the shell cannot use."""
    texts = {"usage": value.usage, "purpose": value.purpose, "docstring": value.run.__doc__ or ""}
    for option in value.options:
        if not isinstance(option, Option):
            raise PluginError(f"an option of /{value.name} is {_described(option)}, not an Option")
        texts |= {"option": option.flag, "value of an option": option.takes, "help of an option": option.help}
        _check_values(value.name, option)
    for name, text in texts.items():
        if not isinstance(text, str):
            raise PluginError(f"the {name} of /{value.name} is {_described(text)}, not a text")
    for alias in value.aliases:
        if not isinstance(alias, str) or not (NAME.fullmatch(alias) or alias == "?"):
            raise PluginError(f"the alias {_described(alias)} of /{value.name} is not a valid name")
    if unknown := sorted(str(task) for task in value.tasks if task not in TASKS):
        raise PluginError(f"/{value.name} is for the task {unknown[0]!r:.40}; expected one of {', '.join(TASKS)}")
    _check_completion(f"/{value.name}", value.complete)


def _check_values(command: str, option: Option) -> None:
    """Raise PluginError for values of an option that completion or the shell cannot use."""
    what, choices = f"the option {option.flag} of /{command}", option.choices
    if not isinstance(choices, tuple | list) or not all(isinstance(each, str) for each in choices):
        raise PluginError(f"the choices of {what} must be a tuple of texts, not {_described(choices)}")
    if not option.takes and (choices or option.complete is not None):
        raise PluginError(f"{what} has values, so it must say what they are called: `takes`, such as UNIT")
    _check_completion(what, option.complete)


def _check_completion(what: str, complete: Any) -> None:
    if complete is not None and not callable(complete):
        raise PluginError(f"the completion of {what} is {_described(complete)}, not a function")


def _is_frozen_dataclass(value: type[Any]) -> bool:
    return dataclasses.is_dataclass(value) and bool(value.__dataclass_params__.frozen)  # type: ignore[attr-defined]  # every dataclass has it


def _described(value: Any) -> str:
    """A short description of a value, whose repr might fail or be very long."""
    return repr(value)[:60] if isinstance(value, str | int | float | type | None) else f"a {type(value).__name__}"
