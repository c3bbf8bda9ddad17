"""The cost of the trace of a long text with shakespeare, compared with feeding the text.

    python tests/benchmarks/tracing.py [CHARACTERS] [RUNS]

feed     session.feed of CHARACTERS (100,000), with its snapshots
trace    the arrays of every token, in parts: hidden, cell, the four gates, the logits and the surprisal; none is kept
file     the same, with hidden, cell and surprisal written to an .npz file

They take turns, RUNS (3) times; medians of processor seconds, which another program on the machine changes less than
the time on the clock, and the load of the machine.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import seqshell
from seqshell.inspect.trace_choice import Choice
from seqshell.inspect.trace_work import TraceWork
from seqshell.inspect.tracing import chunks
from seqshell.session import Session

SENTENCE = "ROMEO:\nWhat light through yonder window breaks? It is the east, and Juliet is the sun.\n\n"


def main() -> None:
    length = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    text = (SENTENCE * (length // len(SENTENCE) + 1))[:length]
    model = seqshell.open("shakespeare").model
    ids = model.tokenizer.encode(text)

    def feed() -> None:
        Session(model).feed(text)

    def trace() -> None:
        for _ in chunks(Session(model), ids):
            pass

    def file() -> None:
        with tempfile.TemporaryDirectory() as folder:
            for _ in TraceWork(Session(model), {0: ids}, Choice(), "nats").steps(Path(folder) / "x.npz"):
                pass

    works: tuple[Callable[[], None], ...] = (feed, trace, file)
    seconds: dict[str, list[float]] = {work.__name__: [] for work in works}
    for _ in range(runs):
        for work in works:
            start = time.process_time()
            work()
            seconds[work.__name__].append(time.process_time() - start)
    middle = {name: statistics.median(each) for name, each in seconds.items()}
    print(f"{length:,} characters, load {os.getloadavg()[0]:.1f}")
    for name, each in middle.items():
        low, high = min(seconds[name]), max(seconds[name])
        print(f"{name:6} {each:6.2f} s  {each / middle['feed']:.2f} x  {low:.2f} to {high:.2f} s")


if __name__ == "__main__":
    main()
