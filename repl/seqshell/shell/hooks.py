"""The event hooks of plugins as a shell calls them: for a token, for a line that has ended, and between lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from seqshell.core.errors import PluginError
from seqshell.core.events import Answer, Event, HookOutput, Moved, Notice, Progress, Token

if TYPE_CHECKING:
    from seqshell.host import Registry
    from seqshell.session import Session

DURING_ANSWER = "a hook for tokens must not change the session: the answer is not finished"
AFTER_LINE = "a hook must not change the session, except its notes"


class Hooks:
    """Calls the plugins that implement a hook.

    interrupt: called if Ctrl-C stopped a hook, because it was meant for the line, too. report: called with the failures
    of the toolbar, which belong to no line.
    """

    def __init__(self, registry: Registry, interrupt: Callable[[], None], report: Callable[[Notice], None]) -> None:
        self._registry = registry
        self._interrupt = interrupt
        self._report = report
        self._toolbar: tuple[Session, tuple[str, ...]] | None = None

    def call(self, hook: str, **arguments: Any) -> list[HookOutput | Notice]:
        """Call an event hook. Returns what it shows, and a Notice for each plugin that failed and is now left out."""
        found: list[HookOutput | Notice] = []
        problems = self._registry.notify(hook, found.append, **arguments)
        return found + [self._notice(problem) for problem in problems]

    def listens(self, hook: str) -> bool:
        """Whether a plugin implements the hook."""
        return self._registry.listens(hook)

    def token(self, session: Session, token: Token) -> list[HookOutput | Notice]:
        """Show a token to the plugins."""
        with session.held_still(DURING_ANSWER):
            return self.call("seqshell_token", session=session, token=token)

    def toolbar(self, session: Session) -> tuple[str, ...]:
        """The texts of plugins for the toolbar; they are asked once after each line."""
        if self._toolbar is None or self._toolbar[0] is not session:
            with session.held_still(AFTER_LINE):
                outputs = self.call("seqshell_toolbar", session=session)
            texts = (output.as_text() or "" for output in outputs if isinstance(output, HookOutput))
            self._toolbar = session, tuple(texts)
            for output in outputs:
                if isinstance(output, Notice):
                    self._report(output)
        return self._toolbar[1]

    def line_begins(self) -> LineEvents:
        """Collect the events of a line that begins, and ask for the text of the toolbar again."""
        self._toolbar = None
        return LineEvents(self)

    def _notice(self, problem: PluginError) -> Notice:
        if isinstance(problem.__cause__, KeyboardInterrupt):
            self._interrupt()
        return Notice(f"{problem.message}; the plugin is left out: /plugins --errors", "warning")


class LineEvents:
    """The events of a line, for the hooks that are called when it ends."""

    def __init__(self, hooks: Hooks) -> None:
        self._hooks = hooks
        self._turn, self._moved = hooks.listens("seqshell_turn"), hooks.listens("seqshell_moved")
        self._events: list[Event] = []

    def add(self, event: Event) -> None:
        """Keep an event of the line that the hooks get."""
        if self._turn or (self._moved and isinstance(event, Moved)):
            is_part = isinstance(event, Progress | HookOutput) or (isinstance(event, Answer) and event.is_of_file)
            if not is_part:
                self._events.append(event)

    def end(self, session: Session | None, line: str) -> Iterator[HookOutput | Notice]:
        """Call the hooks of a line that has ended, and yield what they show."""
        if session is None:
            return
        if self._moved:
            for moved in [event for event in self._events if isinstance(event, Moved)]:
                yield from self._call(session, "seqshell_moved", moved=moved)
        if self._turn:
            yield from self._call(session, "seqshell_turn", line=line, events=tuple(self._events))

    def _call(self, session: Session, hook: str, **arguments: Any) -> list[HookOutput | Notice]:
        with session.held_still(AFTER_LINE, notes=True):
            return self._hooks.call(hook, session=session, **arguments)
