"""Runs a job over files: batches to workers, results to the output."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from typing import Any, Protocol

from seqshell.bulk.job import Job
from seqshell.bulk.lines import Batch, batches, size_of
from seqshell.bulk.output import Output
from seqshell.core.events import Notice, Progress
from seqshell.core.named_files import named_path, shown_name
from seqshell.core.text_output import counted


class Runner(Protocol):
    """Where batches are worked on. ready: as `Work.ready`."""

    ready: dict[str, Any]

    def results(self, batches: Iterator[Batch]) -> Iterator[tuple[Batch, list[tuple[str, str]]] | Notice]:
        """Each batch with its results, in their order."""


@dataclass
class Counts:
    """What was done in this run. lines: written; failed: of these, those that are empty; resumed: those before it."""

    lines: int = 0
    failed: int = 0
    resumed: int = 0
    is_whole: bool = False
    seconds: float = 0.0

    def summary(self, output: str) -> str:
        """One line."""
        done = counted(self.resumed + self.lines, "line")
        before = f", {self.resumed:,} of them before" if self.resumed else ""
        failed = f", {self.failed:,} failed" if self.failed else ""
        speed = f" · {self.lines / self.seconds:,.1f} lines/s" if self.lines and self.seconds > 0 else ""
        rest = "" if self.is_whole else " · not finished: --resume continues"
        return f"{done} written to {shown_name(output)}{before}{failed}{speed}{rest}"


def run(
    job: Job,
    files: Sequence[str],
    output: Output,
    counts: Counts,
    runner: Callable[[], AbstractContextManager[Runner]],
) -> Iterator[Progress | Notice]:
    """Do a job; yields progress and warnings, and fills in `counts`. SeqshellError if it cannot be done.

    The output has all that was done when it is stopped.
    """
    total = size_of(files)
    sizes = [[str(name), os.stat(named_path(name)).st_size] for name in files]
    description = f"bulk {job.verb}"
    yield Progress(0, total, "opening the model", description)
    start = time.perf_counter()
    try:
        with runner() as workers, closing(output):
            yield from map(Notice, workers.ready.get("notices", ()))
            same = {name: workers.ready[name] for name in ("model", "backend")}
            output.begin({"job": job.as_json(), "files": sizes, **same})
            counts.resumed, skipped = output.num_lines, 0
            start = time.perf_counter()

            def left() -> Iterator[Batch]:
                nonlocal skipped
                found = batches(files)
                for batch in found:
                    if skipped + len(batch.lines) > counts.resumed:
                        yield batch
                        break
                    skipped += len(batch.lines)
                yield from found

            place: int | None = None  # lines before the batch
            for step in workers.results(left()):
                if isinstance(step, Notice):
                    yield step
                    continue
                batch, results = step
                place = skipped if place is None else place
                new = results[max(0, counts.resumed - place) :]
                place += len(results)
                output.add([text for text, _ in new])
                counts.lines += len(new)
                counts.seconds = time.perf_counter() - start
                for warning in filter(None, (warning for _, warning in new)):
                    counts.failed += 1
                    yield Notice(warning, "warning")
                speed = f"{counts.resumed + counts.lines:,} lines, {counts.lines / counts.seconds:,.1f} lines/s"
                yield Progress(min(batch.read, total), total, speed, description)
            output.finish()
            counts.is_whole = True
    finally:
        counts.seconds = time.perf_counter() - start
