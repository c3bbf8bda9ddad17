"""Scripts that ship, such as /tour: they put aside what a model has read, and restore it at the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seqshell.core import paths
from seqshell.shell.color_setting import unit_in

if TYPE_CHECKING:
    from seqshell.session import Session
    from seqshell.shell.shell import Shell


@dataclass(frozen=True)
class Section:
    """Lines that use a model; "": none that is open.

    is_current: whether they need it to be the current model, and read from the beginning.
    """

    model: str
    text: str
    is_current: bool = True


def missing_models(shell: Shell, sections: Sequence[Section]) -> list[str]:
    """The models of sections that are not installed."""
    installed = paths.list_checkpoints(shell.registry.checkpoint_folders)
    return [each.model for each in sections if each.model and each.model not in installed]


def guided_lines(shell: Shell, sections: Sequence[Section], *, closes: bool = False) -> Iterator[str]:
    """The lines of the sections as a script, which leaves sessions, settings and the current model as they are now.

    closes: whether models that it opens are closed at the end; else they stay open, at the beginning.
    """
    started = current = shell.workspace.current
    color = str(shell.settings.get("color"))
    within = "off" if unit_in(color) else color  # another model may not have the unit
    opened = []
    for section in sections:
        name = section.model
        session = shell.workspace.sessions.get(name)
        is_used = session is not None and session.position > 0
        if name and name != current and (section.is_current or is_used):
            yield f"/load {name}"
            current = name
        if name and session is None:
            opened.append(name)
        if is_used:
            yield f"/# What {name} has read so far stays on its branch:"
            yield from ("/branch", "/reset")
        yield section.text.replace("/set surprisal off", f"/set color {within}").rstrip("\n")
        current = current if name else ""
        if session is not None and "\n/strategy " in f"\n{section.text}":
            yield f"/# Back to the strategy of {name}:"
            yield f"/strategy {_strategy(session)}"
        if session is not None and is_used:
            yield f"/# Back to what {name} had read:"
            yield f"/checkout {session.branch}"
        elif name and section.is_current and not (closes and session is None):
            yield "/# Back to the beginning:"
            yield from (f"/checkout {session.branch if session else 'main'}", "/reset")
    if started is not None and current != started:
        yield "/# Back to your model:"
        yield f"/load {started}"
    if unit_in(color) and any("/set surprisal" in each.text for each in sections):
        yield "/# Back to your colours:"
        yield f"/set color {color}"
    if closes:
        yield from (f"/close {name}" for name in opened)


def _strategy(session: Session) -> str:
    from seqshell.decoding.syntax import format_strategy

    return format_strategy(session.strategy)
