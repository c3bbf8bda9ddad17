"""The magics of IPython: `%%seqshell` for a cell, `%seqshell` for a line. It imports IPython."""

from __future__ import annotations

import atexit
from typing import Any

from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, line_cell_magic, magics_class, no_var_expand
from IPython.display import display

from seqshell.core.pictures import html
from seqshell.core.pictures.page import Page
from seqshell.notebook.cells import CellError, Cells


class Output:
    """The output of a cell, which changes while the cell runs."""

    def __init__(self) -> None:
        self._handle: Any = None

    def show(self, page: Page, text: str) -> None:
        """Show a page instead of the last one."""
        bundle = {"text/html": html.fragment(page), "text/plain": text}
        if self._handle is None:
            self._handle = display(bundle, raw=True, display_id=True)
        else:
            self._handle.update(bundle, raw=True)


@magics_class
class SeqshellMagics(Magics):  # type: ignore[misc]  # IPython may be missing
    """The magics of one kernel, which share a shell."""

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        self.cells = Cells()
        atexit.register(self.cells.close)

    @no_var_expand  # type: ignore[untyped-decorator]  # IPython may be missing
    @line_cell_magic  # type: ignore[untyped-decorator]  # IPython may be missing
    def seqshell(self, line: str, cell: str | None = None) -> Any:
        """Run the lines of a cell as those of a script: `%%seqshell -m NAME`; or one line: `%seqshell ROMEO:`.

        Without a line, `%seqshell` returns the session.
        """
        try:
            if cell is None and not line.strip():
                return self.cells.session
            options, text = ("", line) if cell is None else (line, cell)
            return self.cells.run(options, text, Output().show)
        except CellError as error:
            raise UsageError(str(error)) from None  # which IPython shows in one line
