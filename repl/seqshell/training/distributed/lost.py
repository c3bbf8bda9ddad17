"""What happened to a process that cannot be reached any more, and which process reports it."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import signal
import time
from datetime import timedelta
from typing import Any

from seqshell.core.errors import SeqshellError

PATIENCE = 3.0  # seconds in which a process that has failed says so, or is seen to have ended
TURN = 1.0  # seconds in which the writer may speak first
PAUSE = 0.02
REPORTED = "reported"


class RankLost(SeqshellError):
    """A process of the training that has ended without an error message."""

    code = "rank"


class EndedElsewhere(SeqshellError):
    """Another process has failed, and reports why."""

    code = "rank"

    def __init__(self) -> None:
        super().__init__("another process has failed")


class Watch:
    """Knows the processes of a training, and finds out which has ended.

    store: of torch.distributed, which torchrun keeps. rank: of this process, of `size`.
    """

    def __init__(self, store: Any, rank: int, size: int) -> None:
        self.rank, self.size = rank, size
        self._store = store
        self._parent = os.getppid()
        store.set(f"process/{rank}", json.dumps([platform.node(), os.getpid()]))
        found = [json.loads(store.get(f"process/{other}")) for other in range(size)]
        self._here = {other: pid for other, (node, pid) in enumerate(found) if node == platform.node()}
        store.set_timeout(timedelta(seconds=PATIENCE))

    @property
    def processes_here(self) -> int:
        """How many processes run on this machine."""
        return len(self._here)

    @property
    def orphaned(self) -> int:
        """The number of a signal to end with if torchrun, which started this process, has ended; else 0."""
        return 0 if os.getppid() == self._parent else int(getattr(signal, "SIGHUP", signal.SIGTERM))

    def reason(self) -> SeqshellError:
        """Why another process cannot be reached: EndedElsewhere if one has reported it, else RankLost."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if self._is_reported():
                return EndedElsewhere()
            if lost := [rank for rank, pid in self._here.items() if not _lives(pid)]:
                return RankLost(f"rank {' and '.join(map(str, lost))} has ended")
            time.sleep(PAUSE)
        return RankLost("the connection to the other processes is lost")

    def may_tell(self) -> bool:
        """Whether this process should report why the training has failed; True for one of them, once."""
        end = time.monotonic() + (TURN if self.rank else 0)
        while time.monotonic() < end:
            if self._is_reported():
                return False
            time.sleep(PAUSE)
        try:
            return bool(self._store.add(REPORTED, 1) == 1)
        except RuntimeError:  # torchrun has ended, and its store with it
            return self.rank == 0

    def _is_reported(self) -> bool:
        with contextlib.suppress(RuntimeError):
            return bool(self._store.check([REPORTED]))
        return False


def _lives(pid: int) -> bool:
    """Whether a process of this machine runs; True where that cannot be found out."""
    if os.name != "posix":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True
