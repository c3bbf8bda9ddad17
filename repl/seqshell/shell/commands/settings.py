"""Settings and how the next token is chosen: /set, /sampler, /strategy and /seed."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from seqshell.core.errors import SeqshellError
from seqshell.core.events import Event, Notice, SettingChanged, Table, Text
from seqshell.core.json_values import unquoted
from seqshell.core.plugin_api import Arguments, command, settings_of
from seqshell.core.tasks import Task, task_spec
from seqshell.shell.color_setting import COLOR, NEURON
from seqshell.shell.commands.arguments import assignments, whole_number, words
from seqshell.shell.commands.stage_words import sampler_fields, stage_words
from seqshell.shell.commands.state_words import unit_words
from seqshell.shell.idle_settings import unused_samplers, without_effect

if TYPE_CHECKING:
    from seqshell.shell.shell import Shell

ESCAPE = re.compile(r"\\[nt]")
HIGHEST_SEED = 2**64 - 1  # a seed is packed into 8 bytes


def setting_words(shell: Shell, text: str) -> Mapping[str, str]:
    """The names of the settings and what they do; after a name, its values; after `color neuron`, units."""
    name, sign, value = _name_and_value(text)
    if not sign and not text.lstrip().endswith(" "):
        has_chain = shell.task is None or task_spec(shell.task).draws
        of_samplers = {field.name: field.help for field in sampler_fields(shell)} if has_chain else {}
        return of_samplers | {entry.name: entry.setting.help for entry in shell.settings.table()}
    if name == COLOR and re.match(rf"{NEURON}\s", value.lstrip()):
        return dict(unit_words(shell.session, text.rpartition(" ")[2]))
    written = f"{name}=" if sign == "=" else ""
    values = dict.fromkeys(shell.settings.entry(name).setting.values, "")
    values["default"] = "back to the value of the config file, the model or seqshell"
    return {f"{written}{value}": about for value, about in values.items()}


@command("set", usage="[NAME [VALUE|default]]", complete=setting_words, purpose="choosing")
def set_value(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Show the settings with their ranges and origins, or change one; the state does not change.

    The fields of the sampler chain are settings too: /set temperature 0.5 changes that stage alone, or adds it at its
    usual place. The value `default` returns to the value of the config file, the checkpoint or seqshell itself.
    /undo does not undo settings.

        >>> /set max_tokens 40
        >>> /set temperature 0.5
        >>> /set stop "\\n\\n"
        >>> /set stop default
        >>> /set color neuron hidden[1,147]
        >>> /set max_tokens
    """
    name, separator, value = _name_and_value(arguments.text)
    if separator:
        new, was = shell.settings.reset(name) if value == "default" else shell.settings.set(name, value)
        yield SettingChanged(name, new, was)
        if ESCAPE.search(value) and unquoted(value) is None and not value.startswith("["):
            yield Notice(f'{value} stays as it is written; for a newline or a tab, write "{value}" in quotes')
        if shell.workspace.current:
            stage = [name.partition(".")[0]]
            note = without_effect(name, shell.session.model)
            if note := note or unused_samplers(shell.session, shell.registry.samplers, stage):
                yield Notice(note)
        return
    entries = (shell.settings.entry(name),) if name else shell.settings.table()
    rows = tuple((entry.name, shown(entry.value), entry.setting.range, entry.origin) for entry in entries)
    yield Table(("setting", "value", "range", "from"), rows, optional=("from",))
    if name and shell.interactive and entries[0].setting.help:
        yield Notice(entries[0].setting.help)


def _name_and_value(text: str) -> tuple[str, str, str]:
    """The parts of `NAME VALUE` or `NAME=VALUE`, the value verbatim; without a value, the separator is empty."""
    name, separator, value = text.lstrip().partition("=" if "=" in text.split(" ")[0] else " ")
    return name.rstrip(), separator if value.strip() or separator == "=" else "", value if value.strip() else ""


def shown(value: Any) -> Any:
    """A setting's value as a cell: several texts as one JSON array, the rest as it is."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, tuple) else value


def _described(offered: Mapping[str, type[Any]]) -> dict[str, str]:
    """The first line of the docstring of each class; empty if its plugin fails."""
    found = dict.fromkeys(offered, "")
    for name in found:
        with suppress(SeqshellError):
            found[name] = _first_line(offered[name])
    return found


def _first_line(kind: type[Any]) -> str:
    """The first line of a class's docstring, without the address of a paper."""
    text = re.sub(r" \([^()]*https?://[^()]*\)", "", (kind.__doc__ or "").strip().partition("\n")[0])
    return "" if text.startswith(f"{kind.__name__}(") else text  # a dataclass without a docstring has its signature


@command(
    "sampler", usage="[STAGE ...]", complete=stage_words, tasks={Task.GENERATE, Task.TRANSLATE}, purpose="choosing"
)
def sampler(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Choose the samplers that reshape the next token's logits, in this order; the state does not change.

    Without an argument, show the current chain. A STAGE is NAME[=VALUE][,FIELD=VALUE ...], where VALUE is the first
    field. The stages replace the chain; +STAGE adds one to it, -NAME removes one. /samplers lists all samplers.

        >>> /sampler top_k=40 temperature=0.8
        >>> /sampler +min_p=0.05 -top_k
        >>> /sampler
        min_p=0.05 temperature=0.8
    """
    from seqshell.decoding.syntax import format_chain, parse_chain

    session = shell.session
    was = format_chain(session.chain, shell.registry.samplers)
    if arguments.words:
        session.chain = parse_chain(arguments.text, shell.registry.samplers, session.chain)
        yield SettingChanged("sampler", format_chain(session.chain, shell.registry.samplers), was)
    else:
        yield Text(was)
    if shell.interactive and (note := unused_samplers(session, shell.registry.samplers)):
        yield Notice(note)


def strategy_words(shell: Shell, text: str) -> Mapping[str, str]:
    """The names of the strategies and what they do; after a name, its settings; after one of these, its values."""
    name, space, _ = text.lstrip().partition(" ")
    if not space or name not in shell.registry.strategies:
        return _described(shell.registry.strategies)
    return assignments(settings_of(shell.registry.strategies[name]), text)


@command(
    "strategy",
    usage="[NAME NAME=VALUE ...]",
    complete=strategy_words,
    tasks={Task.GENERATE, Task.TRANSLATE},
    purpose="choosing",
)
def strategy(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Choose the strategy that generates an answer: sample, greedy, beam, or a plugin's; the state does not change.

    Without an argument, show the current one. /strategies lists all strategies with their settings.

        >>> /strategy beam width=4
        >>> /strategy greedy
        >>> /strategy
        greedy
    """
    from seqshell.decoding.syntax import format_strategy, parse_strategy

    was = format_strategy(shell.session.strategy)
    if not arguments.words:
        yield Text(was)
        return
    shell.session.strategy = parse_strategy(arguments.text, shell.registry.strategies)
    yield SettingChanged("strategy", format_strategy(shell.session.strategy), was)


@command("seed", usage="[N|random]", complete=lambda shell, text: ["random"], purpose="choosing")
def seed(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Set the random seed of the following tokens, or draw one; the state does not change.

    After /undo, the same message gives the same text again; /regen gives another. Models that you open later have the
    same seed. Without an argument, show the seed.

        >>> /seed 7
        >>> /seed
        7
    """
    (word,) = words(arguments, seed, 0, 1) or ("",)
    was = shell.session.seed
    if not word:
        yield Text(str(was))
        return
    hint = f"/reseed {word} starts a text with it" if word[0].isalpha() else ""
    number = secrets.randbelow(2**32) if word == "random" else whole_number(word, "the seed", 0, HIGHEST_SEED, hint)
    shell.session.set_seed(number)
    shell.workspace.seed = shell.session.seed
    yield SettingChanged("seed", shell.session.seed, was)
