"""What all campaigns share: options, worker processes with limits, and the report.

A campaign attacks seqshell with many random cases and counts those that keep its promise. To write one:

    def check(draws: random.Random, folder: Path) -> str | None:
        '''Return None if the promise was kept, else what went wrong and on what, in one line.'''

    CAMPAIGN = Campaign("files", "a damaged file is refused in one line, or used", check)

    if __name__ == "__main__":
        sys.exit(CAMPAIGN.main())

and to run it, from the project's folder:

    python -m tests.campaigns.files --seed 1 --count 20000 --jobs 2
    python -m tests.campaigns.files --seed 1 --only 4711

Case I depends on the seed and on I alone, which is draws.number. It runs in an empty current folder, which is `folder`,
with SEQSHELL_HOME inside it, in a process that is forked after all imports: import what the cases need, torch too, at
the top of the campaign. A case that crashes, prints, or exceeds its time or its memory is a failure, and the campaign
continues.
Unix only.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import multiprocessing
import multiprocessing.connection
import os
import random
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqshell.cli.ending import ignore_number_warnings
from seqshell.core.errors import PluginError, SeqshellError

FORK = multiprocessing.get_context("fork")
CASES_PER_WORKER = 500  # then a fresh one is forked, so that no case suffers from what many before it left
MAX_WAIT = 10
PROGRESS = 60.0  # seconds between two lines of progress on stderr

MAX_LINE = 500  # characters of a message with its hint
# Names of exceptions that are no words for users.
FOREIGN = re.compile(r"\b(?:[A-Z]\w*Error|Traceback|AssertionError)\b")

Check = Callable[[random.Random, Path], str | None]


@dataclass(frozen=True)
class Failure:
    """A case that did not keep the promise."""

    case: int
    reason: str


@dataclass(frozen=True)
class Report:
    """What came out of a campaign."""

    name: str
    promise: str
    seed: int
    count: int
    seconds: float
    failures: tuple[Failure, ...]

    def as_text(self) -> str:
        """Each failure with the command that repeats it, and one line with the result."""
        again = f"python -m tests.campaigns.{self.name} --seed {self.seed} --only"
        kept = f"{self.count - len(self.failures):,} of {self.count:,}"
        result = f"{self.name}: {self.promise}: {kept} · {self.seconds:.0f} s · seed {self.seed}"
        return "\n".join([*(f"{each.reason}\n    {again} {each.case}" for each in self.failures), result])

    def as_json(self) -> dict[str, Any]:
        """The fields; failures as objects."""
        return {**vars(self), "failures": [vars(each) for each in self.failures]}


@dataclass(frozen=True)
class Campaign:
    """A promise and the check of one case.

    seconds: of computing; a case that waits may take MAX_WAIT times as long, because the machine may be busy.
    memory: in bytes above what the parent has; None for no limit, for cases that start programs.
    may_print: whether a case may write to stdout and stderr.
    """

    name: str
    promise: str
    check: Check
    seconds: float = 5.0
    memory: int | None = 2**30
    may_print: bool = False

    def run(self, seed: int, count: int, *, first: int = 0, jobs: int = 1) -> Report:
        """Check the cases first, ..., first + count - 1."""
        start = time.monotonic()
        root = Path(tempfile.mkdtemp(prefix=f"seqshell-{self.name}-"))
        ignore_number_warnings()  # as the program does
        try:
            failures = tuple(sorted(self._failures(seed, first, count, jobs, root), key=lambda each: each.case))
        finally:
            shutil.rmtree(root, ignore_errors=True)
        return Report(self.name, self.promise, seed, count, time.monotonic() - start, failures)

    def main(self, arguments: list[str] | None = None) -> int:
        """Run the command line, and return the exit code: 1 if a case failed."""
        parser = argparse.ArgumentParser(prog=f"python -m tests.campaigns.{self.name}", description=self.promise)
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--count", type=int, default=100, help="number of cases (default: 100)")
        parser.add_argument("--only", type=int, metavar="I", help="check case I alone")
        parser.add_argument("--jobs", type=int, default=1, help="number of worker processes (default: 1)")
        parser.add_argument("--json", action="store_true", help="print the report as a JSON object")
        options = parser.parse_args(arguments)
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # so that the folder is removed
        first, count = (0, options.count) if options.only is None else (options.only, 1)
        report = self.run(options.seed, count, first=first, jobs=options.jobs)
        print(json.dumps(report.as_json()) if options.json else report.as_text())
        return 1 if report.failures else 0

    def _failures(self, seed: int, first: int, count: int, jobs: int, root: Path) -> Iterator[Failure]:
        cases = iter(range(first, first + count))
        workers = [_Worker(self, seed, root / str(number)) for number in range(min(jobs, count))]
        start = progress = time.monotonic()
        done = failed = 0
        try:
            busy = [worker for worker in workers if worker.start(cases)]
            while busy:
                deadline = min(worker.deadline for worker in busy)
                ready = multiprocessing.connection.wait(
                    [worker.pipe for worker in busy], max(0.0, deadline - time.monotonic())
                )
                for worker in [each for each in busy if each.pipe in ready or each.is_late()]:
                    reason = worker.result()
                    done += 1
                    if reason is not None:
                        failed += 1
                        print(f"case {worker.case}: {reason}", file=sys.stderr, flush=True)
                        yield Failure(worker.case, reason)
                    if not worker.start(cases):
                        busy.remove(worker)
                if time.monotonic() - progress > PROGRESS:
                    progress = time.monotonic()
                    print(f"{done:,} cases, {failed} failed, {progress - start:.0f} s", file=sys.stderr, flush=True)
        finally:
            for worker in workers:
                worker.kill()


class _Worker:
    """A forked process that checks one case after another."""

    def __init__(self, campaign: Campaign, seed: int, folder: Path) -> None:
        self.campaign, self.seed, self.folder = campaign, seed, folder
        self.case = -1
        self.deadline = self.last_deadline = 0.0  # when to look whether it is late, and when it is in any case
        self.computed = 0.0
        self.left = 0  # cases until the process is replaced
        self._fork()

    def start(self, cases: Iterator[int]) -> bool:
        """Start the next case; False if there is none."""
        case = next(cases, None)
        if case is None:
            return False
        if not self.left:
            self.kill()
            self._fork()
        self.case, self.left = case, self.left - 1
        self.deadline = time.monotonic() + self.campaign.seconds
        self.last_deadline = time.monotonic() + MAX_WAIT * self.campaign.seconds
        self.computed = self._computed()
        with contextlib.suppress(BrokenPipeError):  # the process died after its last case; result() tells
            self.pipe.send(case)
        return True

    def is_late(self) -> bool:
        """True if the case has used up its time. On a busy machine, it is given the time that it has not computed."""
        now = time.monotonic()
        if self.deadline <= now < self.last_deadline:
            left = self.campaign.seconds - (self._computed() - self.computed)
            self.deadline = now + left if left > 0.1 else now
        return self.deadline <= now

    def _computed(self) -> float:
        """The processor time of the process so far, in seconds; infinite if it is over or the system does not tell."""
        try:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return math.inf
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def result(self) -> str | None:
        """Return why the case failed, or None. Call it when the pipe is readable or the deadline has passed."""
        try:
            if self.pipe.poll():
                reason: str | None = self.pipe.recv()
                return reason
            reason = f"not finished after {self.campaign.seconds:g} s"
        except (EOFError, ConnectionError):
            self.process.join()
            code = self.process.exitcode or 0
            reason = f"killed by {signal.Signals(-code).name}" if code < 0 else f"the process ended with code {code}"
        self.left = 0
        output = self._output.read_text("utf-8", "replace").split()
        return " ".join([reason, *(["after it printed", " ".join(output)[-300:]] if output else [])])

    def kill(self) -> None:
        """End the process and those that it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid or 0, signal.SIGKILL)
        self.process.kill()
        self.process.join()
        self.pipe.close()

    @property
    def _output(self) -> Path:
        return self.folder.with_suffix(".output")

    def _fork(self) -> None:
        self.left = CASES_PER_WORKER
        self.pipe, other = FORK.Pipe()
        arguments = self.campaign, self.seed, self.folder, self._output, other, self.pipe
        self.process = FORK.Process(target=_serve, args=arguments)
        self.process.start()
        other.close()


def trouble_of(error: SeqshellError) -> str | None:
    """What is wrong with an error message: it has several lines, is too long, or is that of another library.

    A plugin that fails may be quoted, if the message says how to go on.
    """
    text = " / ".join(filter(None, (error.message, error.hint)))
    if "\n" in text or not text.isprintable():
        return f"a message of several lines or with control characters: {text!r}"
    if len(text) > MAX_LINE:
        return f"a message of {len(text)} characters: {text!r}"
    if (found := FOREIGN.search(text)) and not (isinstance(error, PluginError) and error.hint):
        return f"a message of another library, {found[0]}: {text}"
    return None


def _serve(
    campaign: Campaign,
    seed: int,
    folder: Path,
    output: Path,
    pipe: multiprocessing.connection.Connection,
    other: multiprocessing.connection.Connection,
) -> None:
    """Check the cases that arrive in the pipe, and answer None or why the case failed. other: the campaign's end."""
    other.close()  # else the pipe would not end with the campaign
    os.setsid()
    _limit_memory(campaign.memory)
    printed = os.open(output, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(printed, stream)
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)  # as many processes run as there are jobs
    while True:
        try:
            case: int = pipe.recv()
        except EOFError:  # the campaign is over
            return
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        os.chdir(folder)
        os.environ["SEQSHELL_HOME"] = str(folder / "home")
        try:
            draws = random.Random(f"{seed}/{case}")
            draws.number = case  # type: ignore[attr-defined]  # for campaigns that go through a list
            reason = campaign.check(draws, folder)
        except BaseException as error:
            frame = traceback.extract_tb(error.__traceback__)[-1]
            reason = f"{type(error).__name__}: {error} ({frame.filename}:{frame.lineno})"
        sys.stdout.flush()
        sys.stderr.flush()
        if not reason and not campaign.may_print and os.fstat(printed).st_size:
            reason = "it printed " + " ".join(os.pread(printed, 300, 0).decode("utf-8", "replace").split())
        os.ftruncate(printed, 0)
        os.lseek(printed, 0, os.SEEK_SET)
        pipe.send(reason)


def _limit_memory(allowed: int | None) -> None:
    """Limit this process to what it has and `allowed` bytes more, where the system tells what it has."""
    if allowed is not None and (size := Path("/proc/self/statm")).exists():
        limit = int(size.read_text().split()[0]) * resource.getpagesize() + allowed
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
