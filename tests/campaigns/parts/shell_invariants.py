"""What always holds for a shell: its settings can be read; its sessions survive undo, redo, saving and restoring."""

from __future__ import annotations

import contextlib

from tests.campaigns.parts.session_invariants import broken_invariant

from seqshell.core.errors import SeqshellError
from seqshell.session import Session
from seqshell.shell.shell import Shell


def broken_shell(shell: Shell) -> str | None:
    """What is wrong with an open session, or with the settings."""
    shell.settings.values()
    shell.settings.table()
    return next(filter(None, map(broken_invariant, list(shell.workspace.sessions.values()))), None)


def broken_end(shell: Shell) -> str | None:
    """What a session loses when it is undone and redone, or saved and restored."""
    if shell.workspace.current is None:
        return None
    session = shell.session
    before = (session.ids(), session.text(), session.branches())
    with contextlib.suppress(SeqshellError):
        session.undo()
        session.redo()
    if (session.ids(), session.text(), session.branches()) != before:
        return "an undo and a redo changed the session"
    session.save("end.safetensors")
    kinds = {"samplers": shell.registry.samplers, "strategies": shell.registry.strategies}
    restored = Session.restore("end.safetensors", session.model, report=lambda text: None, **kinds)
    if (restored.ids(), restored.text(), restored.branches()) != before:
        return "the restored session differs from the saved one"
    return broken_invariant(restored)
