"""A command of a stranger while it runs: whatever becomes of it is told with the plugin's name, and the shell goes on."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import closing, nullcontext
from typing import TYPE_CHECKING, Any

from seqshell.core.errors import PluginError, SeqshellError
from seqshell.core.events import Event, Notice, Quit, Table, Text, Token
from seqshell.core.plugin_api import Arguments, Command
from seqshell.core.text_output import plain
from seqshell.host.imports import reason

if TYPE_CHECKING:
    from seqshell.host import PluginInfo
    from seqshell.shell.workspace import Bench


def strangers_command(bench: Bench, found: Command, arguments: Arguments, owner: PluginInfo) -> Iterator[Event]:
    """The command's events. SeqshellErrors are the plugin's way to refuse; whatever else it raises, sys.exit too, is its fault: PluginError.

    Ctrl-C that had to stop it at once leaves a notice that names it.
    """
    what = f"/{found.name} of {owner.title}"
    registry = bench.registry
    try:
        registry.busy = owner
        events: Any = found.run(bench, arguments)
        with closing(events) if hasattr(events, "close") else nullcontext():
            for event in events:
                _check(event)
                registry.busy = None
                yield event
                registry.busy = owner
    except SeqshellError:
        raise
    except KeyboardInterrupt:
        bench.notices.append(Notice(f"{what} was stopped by Ctrl-C", "warning"))
        raise
    except (Exception, SystemExit) as error:
        message = f"{what} failed: {reason(error)}"
        raise PluginError(
            message, plugin=owner.name, distribution=owner.distribution, details=traceback.format_exc()
        ) from error
    finally:
        registry.busy = None


def _check(event: Any) -> None:
    """TypeError for what cannot be told: better here, where it is known whose it is, than while it is drawn."""
    if not isinstance(event, Event):
        raise TypeError(f"it yields a {type(event).__name__}, which is no event")
    text = getattr(event, "text", "")
    if isinstance(event, Text | Notice | Token) and not isinstance(text, str):
        raise TypeError(f"the text of a {type(event).__name__} is a {type(text).__name__}")
    if isinstance(event, Quit) and not isinstance(event.code, int):
        raise TypeError("the code of a Quit is no number")
    if isinstance(event, Table) and not all(isinstance(row, tuple | list) for row in (event.columns, *event.rows)):
        raise TypeError("the columns and rows of a Table are tuples")
    plain(event)
