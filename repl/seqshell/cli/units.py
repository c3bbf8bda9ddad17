"""The unit of what subcommands measure: --unit, or that of config.toml; JSON has both."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Mapping
from typing import Any

from seqshell.cli.plain_text import print_diagnostic
from seqshell.core import paths
from seqshell.core.config_places import config_place
from seqshell.core.errors import UsageError
from seqshell.core.units import UNITS, in_unit


def add_unit_argument(parser: ArgumentParser) -> None:
    """Add the option --unit."""
    parser.add_argument("--unit", choices=UNITS, help="default: the setting unit of config.toml, else nats")


def chosen_unit(unit: str | None) -> str:
    """The unit of --unit or, without one, of the config file."""
    from seqshell.shell.setting_specs import SHELL_SETTINGS, read_value, settings_of_config

    setting = SHELL_SETTINGS["unit"]
    try:
        return unit or str(read_value(setting, settings_of_config(paths.read_config())[0].get("unit", setting.default)))
    except UsageError as error:
        print_diagnostic(sys.stderr, f"{config_place('settings', 'unit')}: {error.message}")
        return str(setting.default)


def with_bits(values: Mapping[str, Any]) -> dict[str, Any]:
    """Metrics with `bits` after `nats`, wherever there are some: a number, or one for each protocol."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        found[name] = value
        if name == "nats":
            each = value.items() if isinstance(value, Mapping) else ()
            found["bits"] = {key: in_unit(nats, "bits") for key, nats in each} if each else in_unit(value, "bits")
    return found
