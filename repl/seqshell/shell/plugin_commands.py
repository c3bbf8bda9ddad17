"""Running a command of a third-party plugin: its errors carry the name of the plugin, and the shell continues."""

from __future__ import annotations

import json
import numbers
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from seqshell.core.errors import PluginError, UsageError
from seqshell.core.events import Event, LineFinished, LineStarted, Notice, Table
from seqshell.core.json_values import tidy
from seqshell.core.plugin_guard import Guard
from seqshell.core.process_state import unchanged

if TYPE_CHECKING:
    from seqshell.host import PluginInfo, Registry

_END = object()
_FITTING: Mapping[Any, Any] = {  # an annotation -> what fits it
    str: str,
    bool: bool,
    int: numbers.Integral,
    float: numbers.Real,
    tuple: tuple,
}

_CALLED: Mapping[Any, str] = {numbers.Integral: "an int", numbers.Real: "a float", type(None): "None"}


def plugin_command(
    run: Callable[[], Any],
    name: str,
    owner: PluginInfo,
    registry: Registry,
    notices: list[Notice],
    in_line: Callable[[], bool],
) -> Iterator[Event]:
    """The events that run() gives, checked. A SeqshellError passes; any other exception, sys.exit included, becomes a
    PluginError. If Ctrl-C had to stop the command at once, a notice is added that names it.

    in_line: whether an event belongs to the command's own line, and not to a line that it runs.
    """
    what = f"/{name} of {owner.title}"
    guard = Guard(what, owner.owner)

    def next_event() -> Any:
        with unchanged(guard, folder=False), guard:
            try:
                event = next(steps, _END)
            except UsageError as error:
                if error.code == "type":  # of an argument that the plugin passes, not of what the user wrote
                    raise guard.error(f"failed: {error.message}", error) from error
                raise
            if event is not _END:
                _check(event, in_line())
        return event

    registry.busy = owner
    try:
        with unchanged(guard, folder=False):
            events = guard.call(run)
        steps = guard.each(events)
        try:
            while (event := next_event()) is not _END:
                registry.busy = None
                yield event
                registry.busy = owner
        finally:
            registry.busy = owner
            steps.close()
    except KeyboardInterrupt:
        notices.append(Notice(f"{what} was stopped by Ctrl-C", "warning"))
        raise
    finally:
        registry.busy = None


def _check(event: Any, in_line: bool) -> None:
    """Raise TypeError for an event that cannot be shown, here where the plugin is known."""
    if not isinstance(event, Event):
        raise TypeError(f"it yields a {type(event).__name__}, which is not an event")
    if in_line and isinstance(event, LineStarted | LineFinished):
        raise TypeError(f"it yields a {type(event).__name__}, which only the shell does")
    kind: Any = type(event)
    for name, expected in _field_types(kind).items():
        if not isinstance(value := getattr(event, name), expected):
            wanted = " or ".join(_CALLED.get(each, f"a {each.__name__.lower()}") for each in expected)
            raise TypeError(f"the {name} of a {type(event).__name__} must be {wanted}, not {type(value).__name__}")
    if isinstance(event, Table) and not all(isinstance(row, tuple | list) for row in (event.columns, *event.rows)):
        raise TypeError("the columns and each row of a Table must be tuples")
    text = event.as_text()
    if text is not None and not isinstance(text, str):
        raise TypeError(f"the text of a {type(event).__name__} must be a str, not {type(text).__name__}")
    event.as_rows()
    json.dumps(tidy(event.as_json()))


@cache
def _field_types(kind: type[Any]) -> Mapping[str, tuple[type[Any], ...]]:
    """The fields of an event that have simple types, and these types."""
    found = {}
    for name, hint in typing.get_type_hints(kind).items():
        parts = typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)
        parts = tuple(typing.get_origin(part) or part for part in parts)
        if name in getattr(kind, "__dataclass_fields__", {}) and all(
            part in _FITTING or part is type(None) for part in parts
        ):
            found[name] = tuple(_FITTING.get(part, part) for part in parts)
    return found


def signed(error: PluginError, registry: Registry) -> PluginError:
    """A plugin's error with its distribution, if there is something to add; it is kept for /plugins --errors."""
    plugin = registry.named(error.plugin)
    if plugin is None or plugin.builtin:
        return error
    named = error
    if plugin.distribution and not error.distribution:
        named = PluginError(
            f"{error.message} ({plugin.distribution} {plugin.version})",
            plugin=plugin.name,
            distribution=plugin.distribution,
            details=error.details,
            hint=error.hint,
            remains=error.remains,
        )
    registry.note(named)
    return named
