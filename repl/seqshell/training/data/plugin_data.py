"""Data that plugins offer, under "generated:OWNER/NAME" in place of a file."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from seqshell.core.errors import RecipeError, UsageError
from seqshell.core.plugin_guard import Guard
from seqshell.host import Registry
from seqshell.training.data.generated import GENERATED, PREFIX

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Pair = tuple[str, str]
Settings = TypeVar("Settings", bound="DataclassInstance")


class PluginData(str):
    """The name of some data of a plugin, as a recipe and a checkpoint have it; it can make the data."""

    _make: Callable[[], Any]
    _guard: Guard

    def __new__(cls, name: str, make: Callable[[], Any], guard: Guard) -> PluginData:
        new = super().__new__(cls, name)
        new._make, new._guard = make, guard
        return new

    def __deepcopy__(self, memo: Any) -> PluginData:
        return self  # as any other text

    def text(self) -> str:
        """The text, or the pairs as a CSV table with the columns text and label. Raises PluginError."""
        made = self.made()
        if isinstance(made, str):
            return made
        table = io.StringIO()
        csv.writer(table, lineterminator="\n").writerows([("text", "label"), *made])
        return table.getvalue()

    def pairs(self) -> list[Pair]:
        """The pairs, or the first two columns of a text with tabs. Raises PluginError."""
        made = self.made()
        if not isinstance(made, str):
            return made
        rows = [line.split("\t") for line in made.removesuffix("\n").split("\n")]
        for number, row in enumerate(rows, 1):
            if len(row) < 2:
                raise self._guard.error(f"returned a text without a tab in line {number}", by=self._make)
        return [(row[0], row[1]) for row in rows]

    def made(self) -> str | list[Pair]:
        """What the plugin's function returns. Raises PluginError if it is neither a text nor pairs, or empty."""
        made = self._guard.call(self._make)
        if isinstance(made, str):
            found: str | list[Pair] = made
        else:
            pairs = list(self._guard.each(made))
            try:
                found = list(map(_checked, pairs))
            except ValueError as error:
                raise self._guard.error(f"is invalid: {error}", by=self._make) from None
        if not found:
            raise self._guard.error("returned nothing", by=self._make)
        return found


def _checked(pair: Any) -> Pair:
    if not isinstance(pair, tuple | list) or len(pair) != 2 or not all(isinstance(part, str) for part in pair):
        raise ValueError(f"{pair!r:.60} is not a pair of texts")
    if any(mark in part for part in pair for mark in "\t\n\r"):
        raise ValueError(f"{pair!r:.60} has a tab or a line break")
    return pair[0], pair[1]


def named_data(word: str, registry: Registry) -> str:
    """PluginData for a word such as "generated:OWNER/NAME"; any other word as it is.

    Raises RecipeError if no plugin offers it, and PluginError if its import fails.
    """
    name = word.removeprefix(PREFIX)
    if not word.startswith(PREFIX) or name in GENERATED or not len(registry.data):
        return word
    try:
        make = registry.lookup("data", name)
    except UsageError as error:
        raise RecipeError(error.message, hint=error.hint) from None
    info = registry.plugin(registry.owner("data", name))
    short = name.rpartition("/")[2]
    return PluginData(word, make, Guard(f"the data {short}{info.owner.suffix}", info.owner))


def with_plugin_data(settings: Settings, registry: Registry) -> Settings:
    """The [data] of a recipe or the options of an evaluation, a dataclass, with PluginData for what plugins make."""
    changed: dict[str, Any] = {}
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if isinstance(value, str):
            changed[field.name] = named_data(value, registry)
        elif isinstance(value, tuple | list):
            changed[field.name] = tuple(named_data(each, registry) if isinstance(each, str) else each for each in value)
    return dataclasses.replace(settings, **changed)
