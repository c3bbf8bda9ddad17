"""Running a command of a third-party plugin: its errors carry the name of the plugin, and the shell continues."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import closing, nullcontext
from typing import TYPE_CHECKING, Any

from seqshell.core.errors import PluginError, SeqshellError, reason_of
from seqshell.core.events import Event, Notice, Quit, Table, Text, Token

if TYPE_CHECKING:
    from seqshell.host import PluginInfo, Registry


def plugin_command(
    run: Callable[[], Any], name: str, owner: PluginInfo, registry: Registry, notices: list[Notice]
) -> Iterator[Event]:
    """The events that run() gives, checked. A SeqshellError passes; any other exception, sys.exit included, becomes a
    PluginError. If Ctrl-C had to stop the command at once, a notice is added that names it.
    """
    what = f"/{name} of {owner.title}"
    try:
        registry.busy = owner
        events: Any = run()
        with closing(events) if hasattr(events, "close") else nullcontext():
            for event in events:
                _check(event)
                registry.busy = None
                yield event
                registry.busy = owner
    except SeqshellError:
        raise
    except KeyboardInterrupt:
        notices.append(Notice(f"{what} was stopped by Ctrl-C", "warning"))
        raise
    except (Exception, SystemExit) as error:
        message = f"{what} failed: {reason_of(error)}"
        raise PluginError(
            message, plugin=owner.name, distribution=owner.distribution, details=traceback.format_exc()
        ) from error
    finally:
        registry.busy = None


def _check(event: Any) -> None:
    """Raise TypeError for an event with invalid fields, here where the plugin is known."""
    if not isinstance(event, Event):
        raise TypeError(f"it yields a {type(event).__name__}, which is not an event")
    text = getattr(event, "text", "")
    if isinstance(event, Text | Notice | Token) and not isinstance(text, str):
        raise TypeError(f"the text of a {type(event).__name__} must be a str, not {type(text).__name__}")
    if isinstance(event, Quit) and not isinstance(event.code, int):
        raise TypeError("the code of a Quit is not a whole number")
    if isinstance(event, Table) and not all(isinstance(row, tuple | list) for row in (event.columns, *event.rows)):
        raise TypeError("the columns and each row of a Table must be tuples")
    event.as_text()
