"""The command line: `seqshell`, its subcommands, scripts and pipes.

`main` answers Ctrl-C from its first line, so this module and `seqshell` itself import next to nothing.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # `signal` itself takes milliseconds, in which Ctrl-C has a traceback
import os

TYPE_CHECKING = False  # as in `typing`, which takes milliseconds, too
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program and return its exit code.

    argv: by default the arguments of the process, which then also ends quietly when Ctrl-C comes before the program is
    ready for it, or when it has already ended.
    """
    if argv is not None:
        from seqshell.cli.program import run

        return run(argv)
    if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:  # not if the process ignores it
        _signal.signal(_signal.SIGINT, _end_quietly)
    import sys

    from seqshell.cli.ending import end, report_faults
    from seqshell.cli.program import run

    report_faults()
    return end(run(sys.argv[1:]))


def _end_quietly(number: int, frame: FrameType | None) -> None:
    os._exit(128 + number)  # an exception could be raised where Python can only print it
