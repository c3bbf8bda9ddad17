"""/preset: saves, loads, lists and deletes named ways to choose tokens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from seqshell.core import paths
from seqshell.core.errors import SeqshellError
from seqshell.core.events import Event, Notice, PresetLoaded, SettingChanged, Table
from seqshell.core.names import unknown_name
from seqshell.core.plugin_api import Arguments, command
from seqshell.core.tasks import task_spec
from seqshell.shell import preset_files
from seqshell.shell.commands.arguments import words
from seqshell.shell.commands.output_files import written
from seqshell.shell.failures import fault_of
from seqshell.shell.idle_settings import only_for_drawing, unused_samplers
from seqshell.shell.recording import written_value

if TYPE_CHECKING:
    from seqshell.core.sampling import Sampler, Strategy
    from seqshell.session import Session
    from seqshell.shell.presets import Preset
    from seqshell.shell.shell import Shell

ACTIONS = {
    "list": "show the presets",
    "load": "choose tokens as a preset does",
    "save": "save how tokens are chosen now",
    "drop": "delete one of your presets",
}


def preset_words(shell: Shell, text: str) -> Mapping[str, str]:
    """The actions; then the names of the presets that they are for."""
    action, space, rest = text.lstrip().partition(" ")
    if not space:
        return ACTIONS
    if " " in rest.lstrip() or action not in ("load", "save", "drop"):
        return {}
    found = preset_files.known() if action == "load" else paths.own_presets()
    return {name: _described(shell, name, path) for name, path in found.items()}


@command("preset", usage="[list|load NAME|save NAME|drop NAME]", complete=preset_words, purpose="choosing")
def preset(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """Choose tokens as a preset does, or save how they are chosen now; the state does not change.

    A preset has a strategy, a chain of samplers, and max_tokens, stop and unk as far as you have set them. Loading one
    does what /strategy, /sampler and /set do; /undo does not undo it. Those that come with seqshell, llama.cpp, hf,
    char-rnn, precise and creative, cannot be replaced or deleted. seqshell --preset NAME starts with one.

        >>> /preset load llama.cpp
        >>> /set temperature 0.5
        >>> /preset save mine
        >>> /preset list
        >>> /preset drop mine
    """
    action, *names = words(arguments, preset, 0, 2) or ("list",)
    if action not in ACTIONS:
        raise unknown_name("action", action, ACTIONS)
    if action == "list":
        words(arguments, preset, 0, 1)
        yield from _listed(shell)
        return
    words(arguments, preset, 2, 2)
    yield from {"load": _load, "save": _save, "drop": _drop}[action](shell, *names)


def _listed(shell: Shell) -> Iterator[Event]:
    """The presets; those that cannot be read with the reason."""
    rows: list[tuple[str, ...]] = []
    problems: list[str] = []
    shipped = paths.shipped_presets()
    for name, path in sorted(preset_files.known().items()):
        try:
            found = preset_files.read(name, path, shell.registry)
        except SeqshellError as error:
            problems.append(fault_of(error).line)
            rows.append((name, "invalid", "", "", str(path)))
            continue
        rows.append((name, *_summary(shell, found), str(path)))
    hidden = [path for name, path in paths.own_presets().items() if name in shipped]
    problems += [f"{path} is not used: {path.stem} is the name of a preset that comes with seqshell" for path in hidden]
    yield Table(("preset", "strategy", "sampler", "settings", "file"), tuple(rows), optional=("file",))
    for problem in problems:
        yield Notice(problem, "warning")


def _load(shell: Shell, name: str) -> Iterator[Event]:
    session = _drawing(shell)
    found = preset_files.find(name, shell.registry)
    was = _texts(shell, session.strategy, session.chain)
    found.choose(session)
    now = _texts(shell, found.strategy, found.chain)
    changes = [SettingChanged(key, value, was[key]) for key, value in now.items()]
    changes += [SettingChanged(key, *shell.settings.set(key, value)) for key, value in found.values.items()]
    yield PresetLoaded(name, tuple(changes))
    if note := unused_samplers(session, shell.registry.samplers):
        yield Notice(note)


def _save(shell: Shell, name: str) -> Iterator[Event]:
    path = preset_files.save(name, _drawing(shell), shell.settings)
    yield from written(shell, path, note=f"saved to {path} · /preset load {name} loads it")


def _drop(shell: Shell, name: str) -> Iterator[Event]:
    path = preset_files.drop(name)
    if shell.interactive:
        yield Notice(f"{path} deleted")


def _drawing(shell: Shell) -> Session:
    """The current session. Raises UsageError if its model draws no tokens."""
    if not task_spec(shell.session.model.task).draws:
        raise only_for_drawing("a preset", shell.session.model)
    return shell.session


def _texts(shell: Shell, strategy: Strategy | None, chain: tuple[Sampler, ...] | None) -> dict[str, str]:
    """A strategy and a chain as /strategy and /sampler take them, without what is None."""
    from seqshell.decoding.syntax import format_chain, format_strategy

    found = {} if strategy is None else {"strategy": format_strategy(strategy, shell.registry.strategies)}
    return found if chain is None else {**found, "sampler": format_chain(chain, shell.registry.samplers)}


def _summary(shell: Shell, found: Preset) -> tuple[str, str, str]:
    """The strategy, the chain and the settings of a preset."""
    texts = _texts(shell, found.strategy, found.chain)
    values = " ".join(f"{name}={written_value(value)}" for name, value in found.values.items())
    return texts.get("strategy", ""), texts.get("sampler", ""), values


def _described(shell: Shell, name: str, path: Path) -> str:
    """A preset in one line, empty if it cannot be read."""
    try:
        return " · ".join(filter(None, _summary(shell, preset_files.read(name, path, shell.registry))))
    except SeqshellError:
        return ""
