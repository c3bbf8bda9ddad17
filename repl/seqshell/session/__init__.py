"""The live model in time: snapshots, the timeline, and the session that moves along it. Knows no terminal, command or plugin."""

from seqshell.session.session import Session

__all__ = ["Session"]
