"""Calls the event hooks of plugins, and collects what they return: events to show, or a text for the toolbar."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from functools import partial
from itertools import islice
from typing import Any

import pluggy

from seqshell.core.errors import PluginError, trace_of
from seqshell.core.events import Event, Text
from seqshell.core.plugin_guard import Guard, Owner
from seqshell.core.process_state import unchanged
from seqshell.host.event_checks import check_shown
from seqshell.host.plugin_settings import PluginSettings

MAX_EVENTS = 1000  # of one call: an endless generator must not block the shell
TOKEN = "seqshell_token"  # the hot path: what it returns is ignored
# Hooks that could return anything before events were shown: what is no event is ignored.
LENIENT = ("seqshell_session_started", "seqshell_session_ended", "seqshell_model_loaded")


class EventHooks:
    """The event hooks of the plugins of a manager.

    settings: the plugins' own, which a hook gets as `settings`. owner: returns the Owner of a plugin's name.
    """

    def __init__(
        self,
        manager: pluggy.PluginManager,
        settings: PluginSettings,
        owner: Callable[[str], Owner],
    ) -> None:
        self._manager = manager
        self._settings = settings
        self._owner = owner

    def listens(self, hook: str) -> bool:
        """True if a plugin implements this hook."""
        return bool(getattr(self._manager.hook, hook).get_hookimpls())

    def call(self, hook: str, arguments: Mapping[str, Any]) -> Iterator[tuple[str, tuple[Event, ...] | PluginError]]:
        """Call a hook of every plugin. Yields the name of each and the events that it returned, or its PluginError.

        The __cause__ of an error is the exception: KeyboardInterrupt if the user pressed Ctrl-C.
        """
        for implementation in reversed(getattr(self._manager.hook, hook).get_hookimpls()):
            name = implementation.plugin_name
            given = {
                key: self._settings.of(name) if key == "settings" else arguments[key] for key in implementation.argnames
            }
            owner = self._owner(name)
            guard = Guard(f"{owner.title}: {hook}", owner, passes_errors=False)
            try:
                with nullcontext() if hook == TOKEN else unchanged(guard):
                    result = guard.call(partial(implementation.function, **given))
                    events = guard.call(_read, result, hook) if result is not None and hook != TOKEN else ()
                yield name, events
            except PluginError as error:
                yield name, error
            except KeyboardInterrupt as stop:
                message = f"{owner.title}: {hook} was stopped by Ctrl-C"
                stopped = PluginError(message, plugin=name, distribution=owner.distribution, details=trace_of(stop))
                stopped.__cause__ = stop
                yield name, stopped


def _read(result: Any, hook: str) -> tuple[Event, ...]:
    """The events that a hook returned; a text for the toolbar as a Text. TypeError if it is something else."""
    if hook == "seqshell_toolbar":
        if not isinstance(result, str):
            raise TypeError(f"it must return a text, not {type(result).__name__}")
        return (Text(result),) if result else ()
    events: Any = (result,) if isinstance(result, Event) else result
    if isinstance(events, list | tuple | Iterator):
        found = tuple(islice(events, MAX_EVENTS + 1))
        if hook in LENIENT and not any(isinstance(event, Event) for event in found):
            return ()
        if len(found) > MAX_EVENTS:
            raise TypeError(f"it returns more than {MAX_EVENTS:,} events")
        for event in found:
            check_shown(event)
        return found
    if hook in LENIENT:
        return ()
    raise TypeError(f"it must return events, not {type(result).__name__}")
