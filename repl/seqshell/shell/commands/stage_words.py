"""Completion of the samplers: their names, fields and values in /sampler, and their settings in /set and /regen."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from seqshell.core.errors import SeqshellError
from seqshell.core.plugin_api import Setting, settings_of
from seqshell.shell.commands.arguments import values_of

if TYPE_CHECKING:
    from seqshell.shell.shell import Shell


def sampler_fields(shell: Shell) -> Iterator[Setting]:
    """The settings of the samplers, named as in /set: the first one as the sampler, others as SAMPLER.FIELD."""
    for name in shell.registry.samplers:
        for index, item in enumerate(_fields(shell, name)):
            yield replace(item, name=f"{name}.{item.name}" if index else name)


def stage_words(shell: Shell, text: str) -> Mapping[str, str]:
    """What may complete the last word of /sampler: samplers, after a - those of the chain; then values and fields."""
    from seqshell.decoding.syntax import NO_SAMPLERS, known_name

    *before, word = re.split(r"\s", text)
    sign = word[:1] if word.startswith(("+", "-")) else ""
    name, equals, _ = word.removeprefix(sign).partition("=")
    name, comma, _ = name.partition(",")
    if sign == "-":
        chain = (known_name(sampler, shell.registry.samplers) for sampler in shell.session.chain)
        return {f"-{stage}": _help(shell, stage) for stage in chain}
    if equals or comma:
        return _inside(_fields(shell, name), word)
    written = {other.lstrip("+-").partition("=")[0].partition(",")[0] for other in before}
    found = {
        f"{sign}{stage}{'=' if _fields(shell, stage) else ''}": _help(shell, stage)
        for stage in shell.registry.samplers
        if stage not in written
    }
    return found if sign or any(before) else {**found, NO_SAMPLERS: "no sampler"}


def _inside(fields: tuple[Setting, ...], word: str) -> Mapping[str, str]:
    """The values of the field that a stage ends with, or its fields that are not given yet, as FIELD=."""
    stage, comma, last = word.rpartition(",")
    if not comma:
        stage, last = word.partition("=")[0], word
        return {f"{stage}={value}": about for value, about in values_of(fields[0]).items()} if fields else {}
    name, equals, _ = last.partition("=")
    if equals:
        given = next((field for field in fields if field.name == name), None)
        values = values_of(given) if given is not None else {}
        return {f"{stage},{name}={value}": about for value, about in values.items()}
    others = [field for field in fields if f",{field.name}=" not in word]
    if "=" in stage.partition(",")[0]:  # the first field has its value there
        others = [field for field in others if field is not fields[0]]
    return {f"{stage},{field.name}=": field.help for field in others}


def _fields(shell: Shell, name: str) -> tuple[Setting, ...]:
    """The settings of a sampler; none if there is no such sampler, or if its plugin fails."""
    try:
        return settings_of(shell.registry.samplers[name]) if name in shell.registry.samplers else ()
    except SeqshellError:
        return ()


def _help(shell: Shell, name: str) -> str:
    """What the first setting of a sampler does."""
    return next((field.help for field in _fields(shell, name)), "")
