"""What is in the folder of models."""

from __future__ import annotations

from seqshell.core import paths


def names():
    """The files in the models folder."""
    folder = paths.folder("models")
    return sorted(each.name for each in folder.iterdir()) if folder.is_dir() else []
