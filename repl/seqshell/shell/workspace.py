"""The open models: each has a session, one is current, and the others answer from the background."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from seqshell.core import paths
from seqshell.core.errors import CheckpointError, UsageError
from seqshell.core.events import Answer, Event, Translation
from seqshell.core.precisions import PRECISIONS
from seqshell.core.tasks import Task
from seqshell.core.text_output import brief

if TYPE_CHECKING:
    from seqshell.core.model import Model
    from seqshell.host import Registry
    from seqshell.session import Session
    from seqshell.session.saving import SavedModel
    from seqshell.shell.settings import Settings

Place = tuple[str | None, int, str]


class Workspace:
    """The sessions of the open models, by name.

    current: the name of the current model. answered: the name of the model that answered last.
    translated: the name of the model that translated last, or of a translation model that became current since then.
    seed: the seed of new sessions.
    own_files: the session files that were saved or restored in this run.
    mixed: for each mixture that /mix made, the model that was current before, and the nodes of its session before and
    after the mixture read the text again.
    notify(hook, **arguments): calls the plugins that implement an event hook.
    """

    def __init__(self, registry: Registry, settings: Settings, notify: Callable[..., None], *, seed: int = 0) -> None:
        self.seed = seed
        self.sessions: dict[str, Session] = {}
        self.current: str | None = None
        self.answered: str | None = None
        self.translated: str | None = None
        self.own_files: set[Path] = set()
        self.mixed: dict[str, tuple[str, set[int]]] = {}
        self._registry = registry
        self._settings = settings
        self._notify = notify

    @property
    def session(self) -> Session:
        """The session of the current model. Raises UsageError if no model is open."""
        if self.current is None:
            raise UsageError("no model is open; /load NAME opens one and /models lists them", code="no_model")
        return self.sessions[self.current]

    @property
    def task(self) -> Task | None:
        """The task of the current model, or None if no model is open."""
        return self.sessions[self.current].model.task if self.current else None

    @property
    def place(self) -> Place:
        """The name of the current model, and the position and the branch of its session."""
        return (self.current, self.session.position, self.session.branch) if self.current else (None, 0, "")

    def open(self, name: str | Path, weights: str | None = None) -> Session:
        """Open a model by name or path and make it current. A model that is already open keeps its session; the name of
        an open model is its name here. A+B is an ensemble. weights: their precision; None: that of an open model, or
        else float32.

        Raises CheckpointError if the file is missing or invalid; nothing has changed then.
        """
        from seqshell.models import opening

        if name in self.sessions and weights in (None, self.sessions[str(name)].model.weights):
            return self.use(str(name))
        if paths.ensemble_members(name, self._registry.checkpoint_folders):
            model = opening.open_model(name, self._registry, weights or PRECISIONS[0])
            same = self._name_of_model(model)
            return self.use(same) if same else self.add(model)
        path = paths.find_checkpoint(name, self._registry.checkpoint_folders)
        opened = self._name_of(path, weights)
        if opened is not None:
            return self.use(opened)
        return self.add(opening.open_model(paths.without_links(path), self._registry, weights or PRECISIONS[0]))

    def open_in_background(self, name: str, task: Task) -> str:
        """Open a model by name or path without making it current, and return its name among the open models.

        Raises CheckpointError if the file is missing or invalid, and UsageError if the model has another task; nothing
        has changed then.
        """
        from seqshell.models import file, opening

        model, path = None, Path()
        opened: str | None
        if name in self.sessions:
            found, opened = self.sessions[name].model.task, name
        elif paths.ensemble_members(name, self._registry.checkpoint_folders):
            model = opening.open_model(name, self._registry)
            found, opened = model.task, self._name_of_model(model)
        else:
            path = paths.find_checkpoint(name, self._registry.checkpoint_folders)
            found, opened = file.read_header(path).get("task", task), self._name_of(path)
        if found != task:
            raise UsageError(
                f"the task of {name} is {brief(found)}, not {task}; /models lists the tasks", code="wrong_task"
            )
        if opened is not None:
            return opened
        self.add(model or opening.open_model(paths.without_links(path), self._registry), background=True)
        return next(reversed(self.sessions))

    def add(self, model: Model, *, background: bool = False) -> Session:
        """Start a session on a model and make it current, unless it stays in the background."""
        from seqshell.shell.opening import start_session

        session = start_session(
            model,
            self._registry,
            seed=self.seed,
            snapshot_mb=self._settings.get("snapshot_mb"),
            report=self._settings.report,
        )
        self._settings.prepare(session, background=background)
        self._keep(self._new_name(model), session, background=background)
        self._notify("seqshell_model_loaded", session=session)
        return session

    def restore(self, name: str | Path, weights: str | None = None) -> Session:
        """Open a saved session with its model and make it current. It replaces the session on the same model.

        weights: their precision, unless the model is open in another one alone; None: that of the session, if it can be
        had.

        Raises CheckpointError if either is missing, or if the model is not the one the session was saved with; nothing
        has changed then.
        """
        from seqshell.models import opening
        from seqshell.session import Session
        from seqshell.shell.saved_settings import restore as restore_settings

        path = paths.find_checkpoint(name, kind="sessions")
        saved = Session.saved_model(path)
        same = [item for item in self.sessions.items() if item[1].model.fingerprint == saved.fingerprint]
        wanted = weights or saved.weights
        replaced = next((item for item in same if item[1].model.weights == wanted), next(iter(same), None))
        needed = saved.path or saved.name
        try:
            model = replaced[1].model if replaced else self._model_of(saved, needed, weights)
        except CheckpointError as error:
            raise CheckpointError(
                f"{path.name} needs the model {brief(needed)}: {error.message}",
                hint=error.hint
                if weights
                else f"if it is elsewhere, start with -m FILE --restore {name}, or /load FILE and then /restore {name}",
            ) from None
        session = Session.restore(
            path,
            model,
            report=self._settings.report,
            samplers=self._registry.samplers,
            strategies=self._registry.strategies,
            models=opening.ModelOpener(self._registry),
        )
        self._settings.prepare(session, restored=True)
        self.own_files.add(path.resolve())
        if replaced:
            self._end(replaced[1], "closed")
        self._keep(replaced[0] if replaced else self._new_name(model), session)
        restore_settings(self._settings, saved.settings)  # those that the model must allow: it is current now
        return session

    def save(self, path: Path, name: str | None = None) -> None:
        """Save the session of an open model, by default the current one, with the settings that shape its answers."""
        from seqshell.shell.saved_settings import to_save

        session = self.sessions[name] if name else self.session
        session.save(path, to_save(self._settings))
        self.own_files.add(path.resolve())

    def use(self, name: str) -> Session:
        """Make an open model current."""
        session = self._opened(name)
        self.current = name
        self.translated = self.translated if session.model.source_tokenizer is None else name
        self._settings.attach(session)
        return session

    def close(self, name: str) -> None:
        """Close an open model. If it was current, the model opened last among the others becomes current."""
        self._end(self._opened(name), "closed")
        del self.sessions[name]
        if self.current == name:
            self.current = next(reversed(self.sessions), None)
            self._settings.attach(self.sessions[self.current] if self.current else None)

    def end(self, reason: str) -> None:
        """Announce to the plugins that all sessions end."""
        for session in self.sessions.values():
            self._end(session, reason)

    def interrupt(self) -> None:
        """Stop every running answer at the next token boundary.

        Safe to call from a signal handler or another thread.
        """
        for session in list(self.sessions.values()):
            session.interrupt()

    def note_answer(self, name: str | None, event: Event) -> None:
        """Remember which model answered last, and which translated last.

        Answers to the lines of a file do not count.
        """
        if isinstance(event, Answer) and not event.is_of_file:
            self.answered = name
            if isinstance(event, Translation):
                self.translated = name

    # Inside

    def _opened(self, name: str) -> Session:
        if name not in self.sessions:
            raise UsageError(f"{name!r} is not open; open: {', '.join(self.sessions) or 'none'}", code="not_open")
        return self.sessions[name]

    def _model_of(self, saved: SavedModel, needed: str, weights: str | None) -> Model:
        """Open the model of a saved session."""
        from seqshell.models import opening

        wanted = weights or saved.weights
        try:
            return opening.open_model(needed, self._registry, wanted)
        except CheckpointError:
            if weights or wanted == PRECISIONS[0]:
                raise
            return opening.open_model(needed, self._registry)  # the session says that it had other weights

    def _new_name(self, model: Model) -> str:
        name = model.name if model.weights == PRECISIONS[0] else f"{model.name}-{model.weights}"
        number, free = 1, name
        while free in self.sessions:
            number += 1
            free = f"{name}-{number}"
        return free

    def _name_of_model(self, model: Model) -> str | None:
        """The name of the same model among the open ones; None if there is none."""
        same = (name for name, each in self.sessions.items() if each.model.fingerprint == model.fingerprint)
        return next(same, None)

    def _name_of(self, path: Path, weights: str | None = None) -> str | None:
        """The name of the open model that was read from a file, with these weights; None if there is none."""
        for name, session in self.sessions.items():
            of = session.model.path
            if (
                of is not None
                and paths.without_links(of) == paths.without_links(path)
                and weights in (None, session.model.weights)
            ):
                return name
        return None

    def _keep(self, name: str, session: Session, *, background: bool = False) -> None:
        self.sessions[name] = session
        self.mixed.pop(name, None)
        if not background:
            self.use(name)
        self._notify("seqshell_session_started", session=session)

    def _end(self, session: Session, reason: str) -> None:
        self._notify("seqshell_session_ended", session=session, reason=reason)
