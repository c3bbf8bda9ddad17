"""What a line that fails must leave as it was: the open sessions, and the state of the process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seqshell.core.errors import PluginError
from seqshell.core.events import Notice
from seqshell.core.plugin_guard import Guard, Owner, owner_of, stopped_plugin
from seqshell.core.process_state import ProcessState

if TYPE_CHECKING:
    from seqshell.host import Registry
    from seqshell.session import Session
    from seqshell.shell.workspace import Workspace


class Kept:
    """The open sessions and the process before a line.

    is_shown: whether the line has shown a token, or finished a line of a script; then the sessions stay where they are.
    """

    def __init__(self, workspace: Workspace, registry: Registry) -> None:
        self.is_shown = False
        self._registry = registry
        self._workspace, self._place = workspace, workspace.place
        self._marks = [(session, session.mark()) for session in workspace.sessions.values()]
        has_plugins = any(not info.builtin and info.state == "loaded" for info in registry.plugins)
        self._process = ProcessState() if has_plugins else None

    @property
    def remains(self) -> str:
        """What is still valid after `restore`, in words; "" if no model was open."""
        if not self._marks:
            return ""
        return "what was shown is kept, /undo undoes it" if self.is_shown else "the session is as before this line"

    def restore(self) -> None:
        """Undo what the line has changed, unless the user has seen a part of it."""
        if self._process is not None:
            self._process.restore(folder=False)
        if not self.is_shown:
            for session, mark in self._marks:
                session.return_to(mark)

    def stopped(self, stop: KeyboardInterrupt, running: Guard | None, *, has_unread: bool) -> Notice | None:
        """A Notice that names the plugin whose code Ctrl-C had to stop; None if it was seqshell's own.

        The line has failed then, so the sessions are restored, unless what it has read can be read on (has_unread).
        running: see `stopped_plugin`.
        """
        fault = stopped_plugin(stop, running)
        if fault is None:
            return None
        if not has_unread:
            self.restore()
            if self.is_shown or self._workspace.place == self._place:
                fault = fault.with_remains(self.remains)
        return Notice("; ".join(filter(None, (fault.message, fault.hint))), "warning")

    def check_process(self, session: Session | None) -> None:
        """Undo what the line has changed of the process. PluginError names the plugins that may have done it.

        session: the one that answered.
        """
        if self._process is None or not (changes := self._process.restore(folder=False)):
            return
        listening = [
            info
            for info in self._registry.plugins
            if "seqshell_token" in info.hooks and not info.builtin and info.state == "loaded"
        ]
        suspects = list(dict.fromkeys((*self._answering(session), *(info.owner for info in listening))))
        title = " or ".join(owner.title for owner in suspects) or "a plugin"
        first = suspects[0] if suspects else Owner()
        error = PluginError(f"{title} {changes}; this was undone", plugin=first.name, distribution=first.distribution)
        if len(suspects) == len(listening) == 1:  # as for a hook that raises
            self._registry.fail(listening[0], error)
        raise error

    def _answering(self, session: Session | None) -> list[Owner]:
        """The third-party plugins that the sampler chain, the strategy and the model of a session come from."""
        found = [] if session is None else [owner_of(type(part)) for part in (*session.chain, session.strategy)]
        if session is not None and (info := self._registry.named(str(session.model.header.get("owner", "")))):
            found.append(info.owner)
        return [owner for owner in found if owner.is_plugin and not owner.builtin]
