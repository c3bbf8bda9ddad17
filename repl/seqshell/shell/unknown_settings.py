"""The errors for settings that do not exist, each with what to write instead."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from seqshell.core.errors import UsageError
from seqshell.core.names import did_you_mean, nearest
from seqshell.core.plugin_api import settings_of
from seqshell.core.text_output import brief, quoted
from seqshell.shell.decoding_settings import DecodingSettings
from seqshell.shell.foreign_words import SETTINGS, as_setting, filled
from seqshell.shell.setting_specs import SHELL_SETTINGS


def unknown_setting(
    name: str, value: Any, decoding: DecodingSettings, used: str, of_plugins: Iterable[str] = ()
) -> UsageError:
    """The error for a setting that does not exist here. value: what the user wants it to be, or an empty string.

    used: the name of the strategy in use, whose fields are settings. of_plugins: the names of plugins' settings.
    """
    code = "unknown_setting"
    stage, _, field = name.partition(".")
    owners = [stage] if field else [item for item in decoding.strategies if name in _fields(decoding.strategies[item])]
    if owners and owners[0] in decoding.strategies and owners[0] != used:
        hint = f"/strategy {owners[0]} {field or name}={brief(value or 'VALUE')}"
        shown = f"{field or name} is a setting of the strategy {' or '.join(owners)}"
        return UsageError(f"{shown}; {hint} selects it", hint=hint, code=code)
    spelt = as_setting(name)
    if spelt in SETTINGS or spelt in decoding.strategies:
        hint = (
            filled(SETTINGS[spelt], brief(str(value)) if value else "") if spelt in SETTINGS else f"/strategy {spelt}"
        )
        return UsageError(f"there is no setting {quoted(name)}; use {hint}", hint=hint, code=code)
    known = [*SHELL_SETTINGS, *of_plugins, *_names_of_samplers(decoding), *_names_of_strategy(decoding, used)]
    short = [full for full in known if "." in full and full.endswith(f".{name}")]
    short += [item for item in decoding.samplers if name == next(iter(_fields(decoding.samplers[item])), "")]
    if short:
        meant = f"did you mean {' or '.join(short)}?"
    else:
        meant = did_you_mean(spelt, known, "/set lists them")
    hint = short[0] if short else nearest(spelt, known)
    return UsageError(f"there is no setting {quoted(name)}; {meant}", hint=hint, code=code)


def no_variant(name: str, samplers: Iterable[str]) -> UsageError:
    """The error for a setting that cannot differ between the candidates of /regen. samplers: their names."""
    known = SETTINGS.get(as_setting(name), as_setting(name))
    if known in SHELL_SETTINGS:
        message, hint = f"{known} is the same for all candidates", f"/set {known} VALUE changes it"
    else:
        message, hint = (
            f"{quoted(name)} is not a setting of a sampler",
            did_you_mean(known, samplers, "/samplers lists them"),
        )
    return UsageError(f"{message}; {hint}", hint=hint, code="unknown_setting")


def _fields(offered: type[Any]) -> list[str]:
    return [field.name for field in settings_of(offered)]


def _names_of_samplers(decoding: DecodingSettings) -> Iterable[str]:
    for stage in decoding.samplers:
        yield stage
        yield from (f"{stage}.{field}" for field in _fields(decoding.samplers[stage])[1:])


def _names_of_strategy(decoding: DecodingSettings, name: str) -> Iterable[str]:
    return [f"{name}.{field}" for field in _fields(decoding.strategies[name])] if name in decoding.strategies else []
