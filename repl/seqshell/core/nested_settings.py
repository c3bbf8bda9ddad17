"""All settings of a config, those of its nested dataclasses with their paths. Imports no numpy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import is_dataclass, replace
from typing import Any

from seqshell.core.plugin_api import Setting, settings_of
from seqshell.core.setting_types import nested_type


def flat_settings(offered: type[Any], default: Any = None, path: str = "") -> Iterator[Setting]:
    """The settings of a dataclass; one that holds another dataclass is replaced by those of that, as block.heads.

    default: an instance that the defaults are from; None: those of the fields. An optional dataclass that is None stays
    one setting. PluginError as `settings_of`.
    """
    for item in settings_of(offered):
        value = item.default if default is None else getattr(default, item.name)
        kind = nested_type(item.full_type)
        if kind is not None and is_dataclass(value):
            yield from flat_settings(kind, value, f"{path}{item.name}.")
        else:
            yield replace(item, name=path + item.name, default=value)
