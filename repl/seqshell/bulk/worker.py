"""A process of the pool: reads a job and batches from stdin, writes results to stdout, a line of JSON each.

It ends at once when nobody writes to its stdin any more, so it never outlives the process that started it.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from queue import SimpleQueue
from threading import Thread
from typing import Any


def main() -> None:
    """Work until stdin ends."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a plugin prints is not a result
    job = json.loads(sys.stdin.buffer.readline())
    waiting: SimpleQueue[Any] = SimpleQueue()
    Thread(target=_receive, args=(waiting,), daemon=True).start()

    def send(message: Mapping[str, Any]) -> None:
        out.write(json.dumps(message).encode() + b"\n")
        out.flush()

    try:
        _work(job, waiting, send)
    except BaseException as error:
        from seqshell.bulk.faults import described

        send({"error": described(error)})


def _receive(waiting: SimpleQueue[Any]) -> None:
    for message in sys.stdin.buffer:
        waiting.put(message)
    os._exit(0)


def _work(values: Mapping[str, Any], waiting: SimpleQueue[Any], send: Any) -> None:
    from seqshell.bulk.job import Job
    from seqshell.bulk.lines import Line
    from seqshell.bulk.work import Work
    from seqshell.core.capture import sanitized_output

    with sanitized_output():
        work = Work(Job.of_json(values))
        send({"ready": work.ready})
        while True:
            batch = json.loads(waiting.get())
            results = work([Line(*line) for line in batch["lines"]])
            send({"number": batch["number"], "results": results})


if __name__ == "__main__":
    main()
