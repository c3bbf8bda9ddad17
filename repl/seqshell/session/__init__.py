"""A model with its state and its history. Knows nothing of terminals, commands or plugins."""

from seqshell.session.session import Session

__all__ = ["Session"]
