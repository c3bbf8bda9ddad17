"""The open models: each has a session of its own, one is current, others answer from the background."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqshell.core.errors import UsageError
from seqshell.core.events import Notice
from seqshell.core.model import Task
from seqshell.shell.settings import Settings

if TYPE_CHECKING:
    from seqshell.core.model import Model
    from seqshell.host import Registry
    from seqshell.session import Session


class Bench:
    """Several open models by name. seed: what new sessions start with. notices: what is to be told beside the next results.

    answered: the name of the session that answered last. translated: of the one that translated last, or that became current to translate.
    at_work: of the one that answers the line at work, where that is not the current one.
    """

    def __init__(self, registry: Registry, settings: Settings | None, seed: int) -> None:
        self.registry = registry
        self.settings = settings or Settings(registry.samplers, registry.strategies)
        self.seed = seed
        self.sessions: dict[str, Session] = {}
        self.current: str | None = None
        self.answered: str | None = None
        self.translated: str | None = None
        self.at_work: str | None = None
        self.notices: list[Notice] = []
        self.interrupted = False

    @property
    def session(self) -> Session:
        """The current model's live session; UsageError when no model is open."""
        if self.current is None:
            raise UsageError("no model is open; /load NAME opens one and /models lists them", code="no_model")
        return self.sessions[self.current]

    @property
    def task(self) -> Task | None:
        """The task of the current model, None when none is open."""
        return self.sessions[self.current].model.task if self.current else None

    def open(self, word: str | Path) -> Session:
        """Open the model that a name or path means and make it the current one; one that is open already goes on where it stands.

        CheckpointError when it is missing or refused; nothing has changed then.
        """
        from seqshell.core import paths
        from seqshell.models import opening

        path = paths.find_checkpoint(word, self.registry.checkpoint_folders)
        name = self._name_of(path)
        return self.use(name) if name is not None else self.add(opening.open_model(path.resolve(), self.registry))

    def open_beside(self, word: str, task: Task) -> str:
        """Open the model that a name or path means in the background, and return what it is called; the current one stays.

        One that is open already goes on where it stands. CheckpointError when it is missing or refused, UsageError when it is for
        another task; nothing has changed then.
        """
        from seqshell.core import paths
        from seqshell.models import file, opening

        path = None if word in self.sessions else paths.find_checkpoint(word, self.registry.checkpoint_folders)
        name = word if path is None else self._name_of(path)
        has = file.read_header(path).get("task", task) if path is not None else self.sessions[word].model.task
        if has != task:
            raise UsageError(
                f"{word} is no model to {task} with, its task is to {has}; /models tells the task of each",
                code="wrong_task",
            )
        if name is None and path is not None:
            self.add(opening.open_model(path.resolve(), self.registry), beside=True)
            name = next(reversed(self.sessions))
        return str(name)

    def add(self, model: Model, *, beside: bool = False) -> Session:
        """Start a session on an opened model and make it the current one, or leave it in the background."""
        from seqshell.shell.opening import start_session

        session = start_session(model, self.registry, seed=self.seed, snapshot_mb=self.settings.get("snapshot_mb"))
        self.settings.prepare(session, beside=beside)
        self._keep(self._free_name(model.name), session, beside=beside)
        self.notices += self._tell("seqshell_model_loaded", session=session)
        return session

    def restore(self, word: str | Path) -> Session:
        """Open a saved session with its model and make it the current one; it replaces the one on the same model.

        CheckpointError when either is missing, or the model is not the one that it was saved with; nothing has changed then.
        """
        from seqshell.core import paths
        from seqshell.models import opening
        from seqshell.session import Session

        path = paths.find_checkpoint(word, kind="sessions")
        wanted = Session.saved_model(path)
        open_one = next(
            (item for item in self.sessions.items() if item[1].model.fingerprint == wanted.fingerprint), None
        )
        model = open_one[1].model if open_one else opening.open_model(wanted.path or wanted.name, self.registry)
        session = Session.restore(path, model, samplers=self.registry.samplers, strategies=self.registry.strategies)
        self.settings.prepare(session, restored=True)
        if open_one:
            self._end(open_one[1], "closed")
        self._keep(open_one[0] if open_one else self._free_name(model.name), session)
        return session

    def use(self, name: str) -> Session:
        """Make an open model the current one."""
        if name not in self.sessions:
            raise UsageError(f"{name!r} is not open; open: {', '.join(self.sessions) or 'none'}", code="not_open")
        self.current = name
        self.translated = name if self.task == Task.TRANSLATE else self.translated
        self._attach()
        return self.sessions[name]

    def close(self, name: str) -> None:
        """Close an open model; the one opened last of the others becomes current."""
        if name not in self.sessions:
            raise UsageError(f"{name!r} is not open; open: {', '.join(self.sessions) or 'none'}", code="not_open")
        self._end(self.sessions.pop(name), "closed")
        if self.current == name:
            self.current = next(reversed(self.sessions), None)
            self._attach()

    def interrupt(self) -> None:
        """Stop what runs at the next token boundary. Safe to call from a signal handler or another thread."""
        self.interrupted = True
        for session in list(self.sessions.values()):
            session.interrupt()

    # Inside

    def _free_name(self, name: str) -> str:
        number, free = 1, name
        while free in self.sessions:
            number += 1
            free = f"{name}-{number}"
        return free

    def _name_of(self, path: Path) -> str | None:
        """What the open model of a file is called; None when it is not open."""
        opened = ((name, session.model.path) for name, session in self.sessions.items())
        return next((name for name, of in opened if of is not None and of.resolve() == path.resolve()), None)

    def _keep(self, name: str, session: Session, *, beside: bool = False) -> None:
        self.sessions[name] = session
        if not beside:
            self.use(name)
        self.notices += self._tell("seqshell_session_started", session=session)

    def _end(self, session: Session, reason: str) -> None:
        self.notices += self._tell("seqshell_session_ended", session=session, reason=reason)

    def _attach(self) -> None:
        self.settings.attach(self.sessions[self.current] if self.current else None)
        self.notices += [Notice(problem, "warning") for problem in self.settings.take_problems()]

    def _tell(self, hook: str, **arguments: Any) -> Iterator[Notice]:
        """Tell the plugins that listen; a Notice for each that failed and is left out from now on."""
        for problem in self.registry.notify(hook, **arguments):
            if isinstance(problem.__cause__, KeyboardInterrupt):
                self.interrupt()  # whoever pressed Ctrl-C wants the answer to end too
            yield Notice(f"{problem.message}; the plugin is left out: /plugins --errors", "warning")
