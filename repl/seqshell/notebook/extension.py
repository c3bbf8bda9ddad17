"""The extension of IPython, `%load_ext seqshell`. This module can be imported without IPython."""

from __future__ import annotations

from typing import Any


def load_ipython_extension(ipython: Any) -> None:
    """Register the magics `%%seqshell` and `%seqshell`. ipython: the InteractiveShell that loads the extension."""
    from seqshell.notebook.magics import SeqshellMagics

    ipython.register_magics(SeqshellMagics)
