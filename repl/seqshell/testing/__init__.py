"""For tests, a plugin author's among them: a model that takes milliseconds, whole conversations, and the contract checks."""

from seqshell.testing.tiny import tiny_checkpoint, tiny_model

__all__ = ["tiny_checkpoint", "tiny_model"]
