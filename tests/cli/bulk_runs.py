"""Bulk work in one process, and as a program, on small sentences."""

from __future__ import annotations

import sys

from seqshell.bulk.output import Output
from seqshell.bulk.run import Counts, run
from seqshell.bulk.work import Work

SHORT = (("max_tokens", "8"),)
SENTENCES = ["the dog", "", "i love you", "the cat", "i see the cat .", "you love the dog", "привет", "the dog ."]


class Here:
    """Works on the batches in this process."""

    def __init__(self, job):
        self.work = Work(job)
        self.ready = self.work.ready

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def results(self, found):
        for batch in found:
            yield batch, self.work(batch.lines)


def bulk(job, *files, resume=False, runner=Here):
    """The events of bulk work and its counts."""
    output, counts = Output("out"), Counts()
    output.check(resume)
    return list(run(job, files, output, counts, lambda: runner(job))), counts


def command(model, *more):
    arguments = ["bulk", "translate", "many.txt", "-m", model, "-o", "out", "--set", "max_tokens=8", *more]
    code = "import sys; from seqshell.cli import main; sys.exit(main())"
    return [sys.executable, "-c", code, *arguments]
