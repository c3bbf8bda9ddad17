"""Long preparations of a training, such as the encoding of a large text, in a thread, so that they report and stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from queue import Empty, SimpleQueue

from seqshell.core.events import Progress
from seqshell.core.signal_handlers import HostStop
from seqshell.core.text_output import readable
from seqshell.training.progress import duration

EVERY = 0.2  # seconds between two reports
Report = Callable[[int, int], None]  # called with the bytes that are done, of how many; may raise to stop the work
Stages = Callable[[str], Report]  # gives the Report of a stage, which it names


def silent(stage: str) -> Report:
    """Stages that nobody hears of."""
    return lambda done, total: None


class StoppedWork(HostStop):
    """Nobody waits for the work any more."""


def reported(work: Callable[[Stages], None], stopped: Callable[[], int]) -> Generator[Progress, None, bool]:
    """Do the work in a thread and yield its progress. Returns False if it ended early because stopped() returned True.

    Raises what the work raises.
    """
    queue: SimpleQueue[Progress | None] = SimpleQueue()
    ended, raised = threading.Event(), list[BaseException]()

    def stage(name: str) -> Report:
        start = last = time.monotonic()

        def report(done: int, total: int) -> None:
            nonlocal last
            if ended.is_set():
                raise StoppedWork
            now = time.monotonic()
            if now - last > EVERY or done == total:
                last = now
                left = (now - start) / max(done, 1) * (total - done)
                queue.put(Progress(done, total, f"{readable(done)} of {readable(total)} · {duration(left)} left", name))

        return report

    def run() -> None:
        try:
            work(stage)
        except StoppedWork:
            pass
        except BaseException as error:  # raised again where it is waited for
            raised.append(error)
        finally:
            queue.put(None)

    thread = threading.Thread(target=run, name="seqshell-preparation", daemon=True)
    thread.start()
    try:
        while not stopped():
            try:
                event = queue.get(timeout=EVERY)
            except Empty:
                continue
            if event is None:
                break
            yield event
        else:
            return False
    finally:
        ended.set()
        thread.join()
    if raised:
        raise raised[0]
    return True
