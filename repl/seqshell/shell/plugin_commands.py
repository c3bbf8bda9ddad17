"""Running a command of a third-party plugin: its errors carry the name of the plugin, and the shell continues."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from seqshell.core.errors import PluginError, UsageError
from seqshell.core.events import Event, LineFinished, LineStarted
from seqshell.core.plugin_guard import Guard
from seqshell.core.process_state import unchanged
from seqshell.host.event_checks import check_event

if TYPE_CHECKING:
    from seqshell.host import Registry

_END = object()


def plugin_command(run: Callable[[], Any], guard: Guard, in_line: Callable[[], bool]) -> Iterator[Event]:
    """The events that run() gives, checked. A SeqshellError passes; any other exception, sys.exit included, becomes a
    PluginError.

    guard: of the command. in_line: whether an event belongs to the command's own line, and not to a line that
    it runs.
    """

    def next_event() -> Any:
        with unchanged(guard, folder=False), guard:
            try:
                event = next(steps, _END)
            except UsageError as error:
                if error.code == "type":  # of an argument that the plugin passes, not of what the user wrote
                    raise guard.error(f"failed: {error.message}", error) from error
                raise
            if event is not _END:
                check_event(event)
                if in_line() and isinstance(event, LineStarted | LineFinished):
                    raise TypeError(f"it yields a {type(event).__name__}, which only the shell does")
        return event

    with unchanged(guard, folder=False):
        events = guard.call(run)
    steps = guard.each(events)
    try:
        while (event := next_event()) is not _END:
            yield event
    finally:
        steps.close()


def signed(error: PluginError, registry: Registry) -> PluginError:
    """A plugin's error that names the plugin or its distribution; it is kept for /plugins --errors."""
    plugin = registry.named(error.plugin)
    if plugin is None or plugin.builtin:
        return error
    named, message = error, ""
    if plugin.distribution and not error.distribution:
        message = f"{error.message} ({plugin.distribution} {plugin.version})"
    elif plugin.title not in error.message:  # of a model, which is known by its own name
        message = f"{plugin.title}: {error.message}"
    if message:
        named = PluginError(
            message,
            plugin=plugin.name,
            distribution=plugin.distribution,
            details=error.details,
            hint=error.hint.removeprefix(error.remains).removeprefix("; "),  # which begins with what remains
            remains=error.remains,
        )
    registry.note(named)
    return named
