"""The function that maps a batch of lines to results, wherever it runs: in a process of a pool or on a cluster."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from seqshell.bulk.job import VERBS, Job
from seqshell.bulk.lines import Line
from seqshell.bulk.verbs import FUNCTIONS, checked
from seqshell.core.events import Notice
from seqshell.core.json_values import one_line
from seqshell.core.tasks import task_spec
from seqshell.core.text_output import in_one_line
from seqshell.core.threads import use_one_core
from seqshell.session.tasks.translate_lines import Failed
from seqshell.shell.startup import Options, build_shell


class Result(NamedTuple):
    """The line of the output for a line, without the newline, and a warning with its place, or ""."""

    text: str
    warning: str = ""


class Work:
    """Does a job batch after batch in one thread. SeqshellError for an invalid job or a model that cannot be opened."""

    def __init__(self, job: Job) -> None:
        use_one_core()
        options = Options(
            model=job.model or task_spec(VERBS[job.verb]).default_model,
            settings=job.settings,
            seed=job.seed,
            no_plugins=job.no_plugins,
            plugins=job.plugins,
        )
        self._job, self._shell = job, build_shell(options)
        self._verb = FUNCTIONS[job.verb]
        if job.strategy:
            for _ in self._shell.handle(f"/strategy {job.strategy}"):
                pass
        checked(self._shell, job)
        self._notices = [note.text for note in self._shell.take_notices() if isinstance(note, Notice)]

    @property
    def ready(self) -> dict[str, Any]:
        """Notices for the user, and what must be equal in all processes: the model's fingerprint and its backend."""
        model = self._shell.session.model
        return {"notices": self._notices, "model": model.fingerprint, "backend": model.backend}

    def __call__(self, lines: Sequence[Line]) -> list[Result]:
        """A result for each line, in their order. PluginError if a plugin fails."""
        found = iter(self._verb(self._shell, self._job, [line.text for line in lines if not line.fault]))
        results = []
        for line in lines:
            answer = Failed(0, line.fault) if line.fault else next(found)
            place = {"file": line.file, "line": line.number}
            if isinstance(answer, Failed):
                text = one_line({**place, "error": answer.reason}) if self._job.json else ""
                results.append(Result(text, f"{line.place}: {answer.reason}"))
            else:
                text, fields = answer
                results.append(Result(one_line({**place, **fields}) if self._job.json else in_one_line(text)))
        return results
