"""Plugins with any hooks, and small data for them to offer."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

import seqshell

SHORT = {"batch_size": 4, "epochs": 1, "precision": "float32"}


def module(name: str = "mine", **functions: Callable[..., Any]) -> types.ModuleType:
    plugin = types.ModuleType(name)
    for hook, function in functions.items():
        setattr(plugin, hook, seqshell.hookimpl(function, specname=hook))
    return plugin


def pairs() -> Any:
    return [(f"{first} {second}", f"{second} {first}") for first in "abcd" for second in "abcd"]
