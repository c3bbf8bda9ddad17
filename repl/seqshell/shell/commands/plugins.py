"""Lists of plugins and of what they offer: /plugins, /samplers, /strategies and /architectures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from seqshell.core.errors import PluginError
from seqshell.core.events import Event, Notice, Table, Text
from seqshell.core.model import Architecture
from seqshell.core.nested_settings import flat_settings
from seqshell.core.plugin_api import Arguments, command, settings_of
from seqshell.core.tasks import task_spec
from seqshell.host import resolve
from seqshell.shell.commands.arguments import words
from seqshell.shell.commands.output_files import TABLE_OPTION, to_file

if TYPE_CHECKING:
    from seqshell.host import PluginInfo
    from seqshell.shell.shell import Shell

SETTING_COLUMNS = ("setting", "default", "range", "neutral", "does")


@command(
    "plugins",
    usage="[--errors] [-o FILE]",
    options={"--errors": "show the errors of plugins with their tracebacks", **TABLE_OPTION},
    purpose="plugins",
)
def plugins(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """List the plugins with version, hooks and status; the state does not change.

    The first column is the owner: if two plugins offer the same name, owner/name selects one.

        >>> /plugins
        >>> /plugins --errors
    """
    words(arguments, plugins, 0, 0)
    if arguments.options.get("--errors"):
        errors = [f"{problem.message}\n{problem.details}".rstrip() for problem in shell.registry.problems]
        yield Text("\n\n".join([*errors, *shell.registry.warnings]) or "no plugin failed")
        return
    table = Table(
        ("plugin", "distribution", "version", "offers", "import", "state"),
        tuple(map(_row, shell.registry.plugins)),
        optional=("import", "distribution"),
    )
    yield from to_file(shell, arguments, lambda: [table])
    if shell.registry.problems:
        yield Notice(f"{len(shell.registry.problems)} failed: /plugins --errors", "warning")


def _row(item: PluginInfo) -> tuple[str, ...]:
    hooks = ", ".join(hook.removeprefix("seqshell_") for hook in item.hooks)
    return (item.name, item.distribution, item.version, hooks, f"{item.import_ms:.0f} ms", item.state)


@command("samplers", usage="[-o FILE]", options=TABLE_OPTION, purpose="plugins")
def samplers(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """List the samplers with owner and settings, their ranges and neutral values; the state does not change.

    >>> /samplers
    """
    words(arguments, samplers, 0, 0)
    yield from to_file(shell, arguments, lambda: _listed(shell, "sampler", shell.registry.samplers))


@command("strategies", usage="[-o FILE]", options=TABLE_OPTION, purpose="plugins")
def strategies(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """List the strategies with owner and settings; the state does not change.

    >>> /strategies
    """
    words(arguments, strategies, 0, 0)
    yield from to_file(shell, arguments, lambda: _listed(shell, "strategy", shell.registry.strategies))


def _settings_of_architecture(architecture: Architecture) -> Table:
    """One row for each setting; those that the data decides have no default."""
    filled = task_spec(architecture.task).sizes
    rows = (
        (item.name, "from the data", "", item.help)
        if item.name in filled
        else (item.name, "none" if item.default is None else item.default, item.valid, item.help)
        for item in flat_settings(resolve(architecture.config))
    )
    return Table(("setting", "default", "valid", "does"), tuple(rows))


def _listed(shell: Shell, kind: str, offered: Mapping[str, type[Any]]) -> Iterator[Event]:
    """One row for each setting of each class; a class that cannot be loaded has its error instead."""
    rows: list[tuple[Any, ...]] = []
    for name in offered:
        owner = shell.registry.owner(kind, name)
        try:
            found = settings_of(offered[name])
        except PluginError as error:
            rows.append((name, owner, "", "", "", "", f"failed: {error.message}"))
            continue
        described = [(item.name, item.default, item.range, item.neutral, item.help) for item in found]
        rows += [(name, owner, *row) for row in described or [("", None, "", None, "")]]
    yield Table((kind, "from", *SETTING_COLUMNS), tuple(rows), optional=("from", "neutral"))


def _complete_architectures(shell: Shell, text: str) -> Mapping[str, str]:
    return {name: _summary(shell, name) for name in shell.registry.architectures}


def _summary(shell: Shell, name: str) -> str:
    """What an architecture is; empty if its plugin fails."""
    try:
        return str(shell.registry.architectures[name].summary)
    except PluginError:
        return ""


@command(
    "architectures",
    usage="[-o FILE] [NAME]",
    options=TABLE_OPTION,
    complete=_complete_architectures,
    purpose="plugins",
)
def architectures(shell: Shell, arguments: Arguments) -> Iterator[Event]:
    """List the architectures with owner and task, or the settings of one; the state does not change.

    >>> /architectures
    >>> /architectures lstm
    """
    names = words(arguments, architectures, 0, 1)
    if names:
        of_one = _settings_of_architecture(shell.registry.lookup("architecture", names[0]))
        yield from to_file(shell, arguments, lambda: [of_one])
        return
    found = ((name, shell.registry.architectures[name]) for name in shell.registry.architectures)
    table = Table(
        ("architecture", "from", "task", "summary"),
        tuple((name, shell.registry.owner("architecture", name), str(item.task), item.summary) for name, item in found),
        optional=("from",),
    )
    yield from to_file(shell, arguments, lambda: [table])
