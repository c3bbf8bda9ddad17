"""`seqshell train` in the processes that torchrun starts: one of them reads, writes and prints for all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING

from seqshell.core.errors import SeqshellError

if TYPE_CHECKING:
    from seqshell.training.distributed.group import Group


def are_several() -> bool:
    """Whether this process is one of several that torchrun has started."""
    return "RANK" in os.environ and os.environ.get("WORLD_SIZE", "1") != "1"


@contextmanager
def _quiet() -> Iterator[None]:
    """While the block runs, nothing is printed."""
    with open(os.devnull, "w", encoding="utf-8") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        yield


def in_all(run: Callable[[Group], int]) -> int:
    """Run a command in all processes and return the exit code of this one.

    If the command fails, one process raises the error, which names the rank unless it is the writer, and the others
    return 1.
    """
    from seqshell.shell.failures import fault_of
    from seqshell.training.distributed.joining import joined
    from seqshell.training.distributed.lost import EndedElsewhere, RankLost

    with joined() as group:
        try:
            with nullcontext() if group.is_writer else _quiet():
                return run(group)
        except Exception as error:
            if isinstance(error, EndedElsewhere) or not group.watch.may_tell():
                return 1
            if group.is_writer or isinstance(error, RankLost):
                raise
            raise SeqshellError(f"rank {group.rank}: {fault_of(error).line}") from error
