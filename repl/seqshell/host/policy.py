"""Which plugins may be loaded: decided by the command line, the environment and config.toml, before any import."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from seqshell.core.config_places import config_place
from seqshell.core.errors import UsageError
from seqshell.core.paths import read_config


@dataclass(frozen=True)
class Policy:
    """Which plugins the user allows, each named by its own name or by that of its distribution.

    plugins: the only third-party plugins to load (SEQSHELL_PLUGINS; empty: none); None: all.
    disabled: plugins that are not loaded, also built-in ones (`[plugins] disable`).
    no_plugins: True for no third-party plugins. extra: each -p MODULE or PATH, which is loaded in any case.
    strict: True if a plugin that fails is an error (SEQSHELL_STRICT_PLUGINS=1).
    slow_scan: True to find entry points with importlib.metadata, including zipped eggs (SEQSHELL_SLOW_SCAN=1).
    settings: the plugins' own settings, by the name of the plugin (`[plugins.NAME]`). warnings: about the policy.
    """

    plugins: tuple[str, ...] | None = None
    disabled: tuple[str, ...] = ()
    no_plugins: bool = False
    extra: tuple[str, ...] = ()
    strict: bool = False
    slow_scan: bool = False
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @classmethod
    def read(
        cls, *, no_plugins: bool = False, extra: Iterable[str] = (), environ: Mapping[str, str] | None = None
    ) -> Policy:
        """Read the policy from the environment and config.toml, and add the options of the command line."""
        environ = os.environ if environ is None else environ
        only = environ.get("SEQSHELL_PLUGINS")
        warnings: tuple[str, ...] = ()
        try:
            disabled, settings = _plugins_table()
        except UsageError as error:
            # A mistake in config.toml must not load a plugin that the user disabled.
            disabled, settings, no_plugins = (), {}, True
            warnings = (f"{error.message}; until this is fixed, only the built-in plugins are loaded",)
        return cls(
            plugins=None if only is None else tuple(filter(None, (name.strip() for name in only.split(",")))),
            disabled=disabled,
            no_plugins=no_plugins,
            extra=tuple(extra),
            strict=_on(environ, "SEQSHELL_STRICT_PLUGINS"),
            slow_scan=_on(environ, "SEQSHELL_SLOW_SCAN"),
            settings=settings,
            warnings=warnings,
        )

    def refusal(self, names: Iterable[str], *, builtin: bool) -> str:
        """Why a plugin with these names is not loaded; empty if it is."""
        names = set(names)
        if names & set(self.disabled):
            return "disabled in config.toml"
        if builtin:
            return ""
        if self.no_plugins:
            return "only the built-in plugins are loaded"
        if self.plugins is not None and not names & set(self.plugins):
            return "not named in SEQSHELL_PLUGINS"
        return ""

    def unknown(self, known: Iterable[str]) -> tuple[str, ...]:
        """A warning for each name in SEQSHELL_PLUGINS or `[plugins] disable` that no plugin has."""
        known = set(known)
        lists = (("SEQSHELL_PLUGINS", self.plugins or ()), ("[plugins] disable in config.toml", self.disabled))
        return tuple(
            f"{where} names {name!r}, but no plugin has this name"
            for where, names in lists
            for name in names
            if name not in known
        )


def _on(environ: Mapping[str, str], name: str) -> bool:
    return environ.get(name, "0").strip().lower() not in ("", "0", "false", "no", "off")


def _plugins_table() -> tuple[tuple[str, ...], dict[str, Mapping[str, Any]]]:
    """The names that `[plugins] disable` lists, and the tables `[plugins.NAME]`."""
    section = read_config().get("plugins", {})
    names = section.get("disable", []) if isinstance(section, dict) else None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UsageError(f"{config_place('plugins', 'disable')}: [plugins] disable must be a list of names")
    return tuple(names), {name: table for name, table in section.items() if isinstance(table, dict)}
