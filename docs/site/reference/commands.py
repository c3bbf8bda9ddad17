"""The commands of the shell, from their docstrings, and its settings, samplers and strategies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from docs.site.markdown import block, code, escaped, page, prose, table

from seqshell.core.plugin_api import Command, Setting, one_of, settings_of
from seqshell.host import Registry
from seqshell.shell.commands.help import KEYS, describe, listed
from seqshell.shell.setting_specs import SHELL_SETTINGS

TITLES = {
    "text": "Text",
    "back": "Going back",
    "choosing": "Choosing",
    "looking": "Looking into a model",
    "tasks": "Tasks",
    "models": "Models",
    "session": "The session",
    "plugins": "Plugins",
}


def commands(registry: Registry) -> str:
    """The page of the commands, by purpose as in /help."""
    parts = ["What `/help COMMAND` shows for each command, by purpose. A line without a slash goes to the model."]
    for purpose, group in listed(registry).items():
        parts += [f"## {TITLES[purpose]}", *(_command(each) for each in group)]
    return page("Commands", *parts, "## Keys of the prompt", block(KEYS))


def _command(shown: Command) -> str:
    described = describe(shown)
    options = [
        (
            code(" ".join(filter(None, (option.flag, option.takes)))),
            escaped("; ".join(filter(None, (option.help, one_of(option.choices) if option.choices else "")))),
        )
        for option in shown.options
    ]
    also = f"Also {', '.join(code(f'/{name}') for name in shown.aliases)}." if shown.aliases else ""
    return "\n\n".join(
        filter(
            None,
            (
                f"### /{shown.name}",
                block(f"/{shown.name} {shown.usage}"),
                escaped(described.summary),
                *(block(part) if "\n" in part else escaped(part) for part in described.details.split("\n\n") if part),
                table(("option", "does"), options) if options else "",
                block(described.example) if described.example else "",
                also,
            ),
        )
    )


def settings(registry: Registry) -> str:
    """The page of the settings."""
    return page(
        "Settings",
        "`/set NAME VALUE` changes a setting, `--set NAME=VALUE` does so at the start, `[settings]` in config.toml for"
        " every start, and `/set` lists those in force, with where each value comes from.",
        settings_table(SHELL_SETTINGS.values()),
        "The fields of samplers and strategies are settings, too: `/set temperature 0.5`, `/set beam.width 8`.",
        "## Samplers",
        "`/sampler NAME=VALUE NAME=VALUE` selects samplers in this order. The first field has the sampler's own name.",
        *_offers(registry.samplers),
        "## Strategies",
        "`/strategy NAME FIELD=VALUE` selects one.",
        *_offers(registry.strategies),
    )


def _offers(offers: Mapping[str, type[Any]]) -> Sequence[str]:
    parts = []
    for name, offered in offers.items():
        found = settings_of(offered)
        parts += [f"### {name}", prose(offered.__doc__ or ""), settings_table(found) if found else ""]
    return [part for part in parts if part]


def settings_table(found: Any) -> str:
    """A table of settings: name, default, valid values and meaning."""
    return table(("name", "default", "values", "meaning"), map(_row, found))


def _row(shown: Setting) -> tuple[str, ...]:
    default = shown.default if not isinstance(shown.default, bool) else "on" if shown.default else "off"
    return code(shown.name), code(_written(default)), escaped(shown.valid), escaped(shown.help)


def _written(default: Any) -> str:
    if default in ((), "", None):
        return ""
    return f"{default:g}" if isinstance(default, float) else str(default)
