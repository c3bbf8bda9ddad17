"""The fields of a sampler chain and of a strategy as settings: top_k, repeat_penalty.window, beam.width."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from seqshell.core.errors import UsageError
from seqshell.core.plugin_api import build, settings_of
from seqshell.core.setting_origins import BUILT_IN
from seqshell.shell.setting_specs import Entry, unquoted_value

Decoding = tuple[tuple[Any, ...], Any]  # a chain and a strategy


class DecodingSettings:
    """Reads and changes the fields. samplers, strategies: the registry's, by name.

    The first field of a sampler has the sampler's own name (top_k), any other is STAGE.FIELD; a field of the strategy
    is NAME.FIELD.
    """

    def __init__(self, samplers: Mapping[str, type[Any]], strategies: Mapping[str, type[Any]]) -> None:
        self.samplers = samplers
        self.strategies = strategies

    def is_of_sampler(self, name: str) -> bool:
        """Whether the name is a field of a sampler."""
        return name.partition(".")[0] in self.samplers

    def is_of_strategy(self, name: str) -> bool:
        """Whether the name is a field of a strategy, alone or in full."""
        owner, _, field = name.rpartition(".")
        strategies = [self.strategies[owner]] if owner in self.strategies else self.strategies.values()
        return (owner in self.strategies or not owner) and any(
            field == item.name for kind in strategies for item in settings_of(kind)
        )

    def has(self, name: str) -> bool:
        """Whether a field of a sampler or a strategy has this name, OWNER.FIELD."""
        owner, _, field = name.rpartition(".")
        kinds = [offered[owner] for offered in (self.samplers, self.strategies) if owner in offered]
        return any(field == item.name for kind in kinds for item in settings_of(kind))

    def entries(self, chain: Iterable[Any], strategy: Any) -> list[Entry]:
        """The fields of a chain and a strategy, which may be None, without their origin."""
        from seqshell.decoding.syntax import known_name

        found = []
        for sampler in chain:
            stage = known_name(sampler, self.samplers)
            for index, field in enumerate(settings_of(type(sampler))):
                name = f"{stage}.{field.name}" if index else stage
                found.append(Entry(name, field, getattr(sampler, field.name)))
        if strategy is None:
            return found
        return found + [
            Entry(f"{strategy.name}.{field.name}", field, getattr(strategy, field.name))
            for field in settings_of(type(strategy))
        ]

    def absent(self, name: str) -> Entry | None:
        """The field of a sampler that is not in the chain, at its neutral value; None if there is no such field."""
        stage, _, field = name.partition(".")
        fields = settings_of(self.samplers[stage])
        found = next((item for item in fields if not field or item.name == field), None)
        if found is None:
            return None
        renamed = dataclasses.replace(found, name=name)
        return Entry(stage if found is fields[0] else name, renamed, found.neutral, BUILT_IN)

    def read_chain(self, text: str) -> tuple[Any, ...]:
        """The chain as /sampler takes it; empty for an empty text."""
        from seqshell.decoding.syntax import parse_chain

        return parse_chain(text, self.samplers) if text else ()

    def read_strategy(self, text: str) -> Any:
        """The strategy as /strategy takes it."""
        from seqshell.decoding.syntax import parse_strategy

        return parse_strategy(text, self.strategies)

    def changed(self, chain: tuple[Any, ...], strategy: Any, name: str, value: Any) -> Decoding | None:
        """The chain and the strategy with one field changed; None if neither has it.

        A strategy's field may be named alone.
        """
        if self.is_of_sampler(name):
            from seqshell.decoding.syntax import with_setting

            return with_setting(chain, name, unquoted_value(value), self.samplers), strategy
        owner, _, field = name.partition(".")
        fields = {item.name: getattr(strategy, item.name) for item in settings_of(type(strategy))}
        changed = field if owner == strategy.name else name
        if changed not in fields:
            return None
        return chain, build(type(strategy), {**fields, changed: unquoted_value(value)})

    def without(self, chain: tuple[Any, ...], name: str) -> tuple[Any, ...]:
        """The chain without the sampler that has the field."""
        removed = self.samplers[name.partition(".")[0]]
        return tuple(sampler for sampler in chain if type(sampler) is not removed)


def full_name(entry: Entry) -> str:
    """The name of the field in full: top_k.k for the first field of top_k."""
    return entry.name if "." in entry.name else f"{entry.name}.{entry.setting.name}"


def is_given(entry: Entry, fields: Mapping[str, Any]) -> bool:
    """Whether the field has the value that is given last among `fields`, values by name."""
    names = (entry.name, full_name(entry), entry.setting.name)
    given = [value for name, value in fields.items() if name in names]
    try:
        return bool(given) and entry.setting.parse(unquoted_value(given[-1])) == entry.value
    except UsageError:
        return False
