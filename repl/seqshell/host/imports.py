"""Imports what "package.module:Name" or a plugin's file names; every error becomes a PluginError."""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
from pathlib import Path
from typing import Any

from seqshell.core.errors import PluginError
from seqshell.core.plugin_guard import Guard, Owner

TARGET = re.compile(r"[^\W\d]\w*(\.\w+)*(:\w+(\.\w+)*)?")


def resolve(target: Any, *, plugin: str = "", distribution: str = "") -> Any:
    """Import what "package.module:Name" names; anything but a string is returned unchanged.

    Raises PluginError if the import fails.
    """
    if not isinstance(target, str):
        return target
    owner = Owner(plugin, distribution)
    what = f"{owner.title}: {target}" if plugin else target
    return Guard(what, owner, "cannot be imported", passes_errors=False).call(locate, target)


def locate(target: str) -> Any:
    """Import the module "package.module", or what "package.module:Name" names. Raises what the import raises."""
    if not TARGET.fullmatch(target):
        raise PluginError(f"{target!r} is not of the form package.module:Name")
    module, _, attributes = target.partition(":")
    found: Any = importlib.import_module(module)
    for attribute in filter(None, attributes.split(".")):
        found = getattr(found, attribute)
    return found


def import_file(path: Path, name: str = "") -> Any:
    """Import a plugin that is a file, or a folder with __init__.py.

    name: of the module; by default that of the file, or seqshell_file_NAME if another module has that name.
    """
    source = path / "__init__.py" if path.is_dir() else path
    if source.exists() and not source.is_file():
        raise ImportError(f"{path} is not a regular file")
    if not name:
        name = path.stem
        if name in sys.modules or importlib.util.find_spec(name) is not None:
            name = f"seqshell_file_{name}"
    inside = [str(path)] if path.is_dir() else None
    spec = importlib.util.spec_from_file_location(name, source, submodule_search_locations=inside)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look up their module there
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
