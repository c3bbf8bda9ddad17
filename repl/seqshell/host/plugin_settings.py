"""The settings of plugins, named PLUGIN.FIELD: what each plugin declares, the values in force and where they come from.

A plugin declares a frozen dataclass; its hooks are given an instance with the values in force.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from seqshell.core.config_places import config_place
from seqshell.core.errors import PluginError, SeqshellError, UsageError
from seqshell.core.json_values import unquoted
from seqshell.core.names import nearest
from seqshell.core.plugin_api import Setting, build, settings_of
from seqshell.core.plugin_guard import Guard, Owner
from seqshell.core.setting_origins import COMMAND_LINE, CONFIG, PLUGIN, SET

ORIGINS = (SET, COMMAND_LINE, CONFIG)  # the first that has a value wins


@dataclass
class _Declared:
    """What a plugin declares. values: by origin and field. built: the instance in force."""

    kind: type[Any]
    owner: Owner
    fields: Mapping[str, Setting]
    values: dict[str, dict[str, Any]]
    built: Any

    def in_force(self) -> dict[str, Any]:
        """The values that were set, by field."""
        return {name: value for origin in reversed(ORIGINS) for name, value in self.values[origin].items()}


class PluginSettings(Mapping[str, Setting]):
    """Each setting by its full name. config: the [plugins.NAME] tables of the config file."""

    def __init__(self, config: Mapping[str, Mapping[str, Any]]) -> None:
        self._config = config
        self._declared: dict[str, _Declared] = {}

    def __iter__(self) -> Iterator[str]:
        return (f"{plugin}.{field}" for plugin, declared in self._declared.items() for field in declared.fields)

    def __len__(self) -> int:
        return sum(len(declared.fields) for declared in self._declared.values())

    def __getitem__(self, name: str) -> Setting:
        declared, field = self._found(name)
        return replace(declared.fields[field], name=name)

    def __contains__(self, name: object) -> bool:
        plugin, _, field = str(name).rpartition(".")
        return plugin in self._declared and field in self._declared[plugin].fields

    def of(self, plugin: str) -> Any:
        """The settings of a plugin as an instance of its dataclass; None if it declares none."""
        declared = self._declared.get(plugin)
        return None if declared is None else declared.built

    def value(self, name: str) -> tuple[Any, str]:
        """The value of a setting, and its origin."""
        declared, field = self._found(name)
        origin = next((origin for origin in ORIGINS if field in declared.values[origin]), PLUGIN)
        return getattr(declared.built, field), origin

    def set(self, name: str, value: Any, origin: str = SET) -> None:
        """Set a value. UsageError if the setting or the plugin's dataclass refuses it; nothing has changed then."""
        declared, field = self._found(name)
        self._change(declared, origin, {**declared.values[origin], field: self[name].parse(_read(value))})

    def reset(self, name: str) -> None:
        """Return to the value of the config file, or else to the default."""
        declared, field = self._found(name)
        for origin in (SET, COMMAND_LINE):
            self._change(declared, origin, {key: old for key, old in declared.values[origin].items() if key != field})

    def declare(self, owner: Owner, kind: type[Any]) -> Iterator[str]:
        """Add the settings of a plugin. Yields what is wrong with its values in the config file."""
        fields = {item.name: item for item in settings_of(kind)}
        self._declared[owner.name] = _Declared(kind, owner, fields, {origin: {} for origin in ORIGINS}, kind())
        for field, value in self._config.get(owner.name, {}).items():
            name = f"{owner.name}.{field}"
            if name in self:
                try:
                    self.set(name, value, CONFIG)
                except SeqshellError as error:
                    yield f"{config_place('plugins', name)}: {error.message}"
            else:
                place = config_place("plugins", name)
                yield f"{place}: [plugins.{owner.name}] has no {field}; it has {', '.join(fields) or 'none'}"

    def remove(self, plugin: str) -> None:
        """Forget the settings of a plugin."""
        self._declared.pop(plugin, None)

    def unused(self, plugins: Mapping[str, bool]) -> Iterator[str]:
        """A warning for each table of the config file whose plugin has no settings or is probably another one.

        plugins: by name, whether it was loaded. A plugin that is not there may be elsewhere at another time.
        """
        for name in self._config:
            if name in self._declared:
                continue
            place = f"{config_place('plugins', name)}: [plugins.{name}]"
            if plugins.get(name):
                yield f"{place}: the plugin {name} has no settings"
            elif name not in plugins and (meant := nearest(name, self._declared)):
                yield f"{place}: no plugin is called {name}; did you mean {meant}?"

    def _found(self, name: str) -> tuple[_Declared, str]:
        if name not in self:
            raise KeyError(name)
        plugin, _, field = name.rpartition(".")
        return self._declared[plugin], field

    def _change(self, declared: _Declared, origin: str, values: dict[str, Any]) -> None:
        was = declared.values[origin]
        declared.values[origin] = values
        try:
            declared.built = _guard(declared.owner).call(_built, declared)
        except SeqshellError:
            declared.values[origin] = was
            raise


def check_settings(kind: Any) -> type[Any]:
    """The dataclass that a plugin declares. SeqshellError if it is none, or if a default is missing or not valid."""
    if not isinstance(kind, type):
        raise PluginError(f"it must return a frozen dataclass, not an object of the type {type(kind).__name__}")
    parameters = getattr(kind, "__dataclass_params__", None)
    if parameters is None or not parameters.frozen:
        raise PluginError(f"{kind.__name__} is not a frozen dataclass")
    for item in settings_of(kind):
        try:
            item.parse(item.default)
        except UsageError as error:
            raise PluginError(
                f"the default of {kind.__name__}.{item.name} is missing or not valid: {error.message}"
            ) from None
    build(kind, {})
    return kind


def _built(declared: _Declared) -> Any:
    return build(declared.kind, declared.in_force(), what=declared.owner.name)


def _guard(owner: Owner) -> Guard:
    return Guard(f"{owner.title}: its settings", owner)


def _read(value: Any) -> Any:
    text = unquoted(value) if isinstance(value, str) else None
    return value if text is None else text
