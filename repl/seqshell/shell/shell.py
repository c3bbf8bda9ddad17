"""One line in, events out: the shell owns the registry, the settings and the open models.

It draws nothing and reads no keys.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqshell.core.errors import PluginError, SeqshellError, UsageError
from seqshell.core.events import Answer, Event, HookOutput, LineFinished, LineStarted, Notice, Quit, Token
from seqshell.core.limits import MAX_MESSAGE
from seqshell.core.plugin_api import Arguments, Command
from seqshell.core.plugin_guard import Guard, faults_named
from seqshell.core.sealed import Sealed
from seqshell.core.tasks import Task, task_spec
from seqshell.core.text_files import is_file
from seqshell.core.text_output import unknown_note
from seqshell.shell import syntax
from seqshell.shell.command_lookup import find_command
from seqshell.shell.hooks import Hooks
from seqshell.shell.kept import Kept
from seqshell.shell.line import History, LastResult, Line, Listener
from seqshell.shell.plugin_commands import plugin_command, signed
from seqshell.shell.recording import Recorder
from seqshell.shell.settings import Settings
from seqshell.shell.workspace import Place, Workspace

if TYPE_CHECKING:
    from seqshell.host import Registry
    from seqshell.session import Session
    from seqshell.session.reading import Reading

Events = Generator[Event, None, None]


class Shell(Sealed):
    """Executes lines. For plugins, `session`, `settings`, `registry`, `open` and `handle` are public.

    interactive: a person types; autosave and the notes for people depend on it.
    read_stdin: returns the text of @-, or None if stdin is the script or a terminal. device: where training runs.
    line: the line being executed, or None. interrupted: whether the line was asked to stop.
    notices: what is to be shown between lines; the next line yields it unless it was taken before.
    scripts: the names of the scripts that are running, the outermost first.
    """

    settable = frozenset({"line", "interrupted", "interactive", "notices", "read_stdin", "_num_lines"})

    def __init__(
        self,
        registry: Registry,
        *,
        settings: Settings | None = None,
        seed: int = 0,
        interactive: bool = False,
        read_stdin: Callable[[], str] | None = None,
        device: str = "auto",
    ) -> None:
        self.registry = registry
        self.settings = settings or Settings(registry.samplers, registry.strategies, registry.settings)
        self.hooks = Hooks(registry, self.interrupt, lambda notice: self.notices.append(notice))
        self.workspace = Workspace(registry, self.settings, self._notify, seed=seed)
        self.interactive = interactive
        self.read_stdin = read_stdin
        self.device = device
        self.line: Line | None = None
        self.interrupted = False
        self.notices: list[Notice | HookOutput] = []
        self.scripts: list[str] = []
        self.history = History()
        self.last_result = LastResult()
        self.recorder = Recorder(
            self.workspace, self.settings, lambda text: self.notices.append(Notice(text, "warning"))
        )
        self._listeners: tuple[Listener, ...] = (self.history, self.last_result, self.recorder)
        self._num_lines = 0
        self._seal()

    @property
    def session(self) -> Session:
        """The session of the current model. Raises UsageError if no model is open."""
        return self.workspace.session

    @property
    def task(self) -> Task | None:
        """The task of the current model, or None if no model is open."""
        return self.workspace.task

    def open(self, name: str | Path, weights: str | None = None) -> Session:
        """Open a model and make it current, as Workspace.open. CheckpointError if it is missing or invalid."""
        return self.workspace.open(name, weights)

    def end(self, reason: str = "quit") -> Mapping[str, str]:
        """Leave.

        Returns the names of the saved sessions by model: at the prompt, if `autosave` is on, those of the open models
        that have read something.
        """
        from seqshell.shell.autosave import save_sessions

        saved: Mapping[str, str] = {}
        try:
            if self.interactive and self.settings.get("autosave"):
                saved, failures = save_sessions(self.workspace)
                self.notices += [Notice(failure, "warning") for failure in failures]
            return saved
        finally:
            self.recorder.end()
            self.workspace.end(reason)

    # One line

    def handle(self, line: str) -> Events:
        """The events of one line: a command, a message, or (empty, at the prompt) more of the last answer or text.

        Closing the generator stops at a token boundary and keeps what is committed. Raises SeqshellError if the line
        fails.
        """
        with closing(self.run(line)) as events:
            for event in events:
                if not isinstance(event, LineStarted | LineFinished):
                    yield event

    def run(self, line: str) -> Events:
        """The events that `handle` gives, between LineStarted and LineFinished; a comment has no events.

        If the line fails, LineFinished comes before the error.
        """
        parsed = syntax.parse(line)
        if isinstance(parsed, syntax.CommandLine):
            return self._run(line, f"/{self._full_name(parsed.name)}", self._command(parsed))
        if parsed is None or (parsed.text == "" and not self.interactive):
            return self._nothing()
        if parsed.text == "" and line == "":
            if (unread := self._unread()) is not None:
                return self._run(line, "/continue", self.session.behaviour.read_rest(unread))
            can_continue = self.task is not None and task_spec(self.task).can_continue
            return self._run(line, "/continue", self._continue()) if can_continue else self._nothing()
        return self._run(line, str(self.task or ""), self._message(parsed.text))

    def run_message(self, text: str) -> Events:
        """The events of a text that is a message whatever it starts with, as `run` gives them."""
        return self._run(syntax.as_message(text), str(self.task or ""), self._message(text))

    @property
    def answering(self) -> str | None:
        """The name of the open model that answers the line."""
        return (self.line and self.line.model) or self.workspace.current

    def answer_with(self, name: str) -> tuple[Session, Mapping[str, Any]]:
        """Let an open model answer the line that runs. Returns its session and the settings in force for it.

        For a model in the background, the line is a turn of its session, and its own checkpoint's defaults apply.
        """
        assert self.line is not None
        session = self.workspace.sessions[name]
        if name == self.workspace.current:
            return session, self.settings.values()
        session.begin_turn(self.line.text)
        self.line.model = name
        values = self.settings.values_for(session)
        self.settings.apply(session, values)
        return session, values

    def find_command(self, word: str, rest: str = "") -> Command:
        """The command with this name or alias. rest: the line after it.

        Raises UsageError (unknown_command) with a hint.
        """
        return find_command(self.registry, word, rest)

    def interrupt(self) -> None:
        """Stop the line at the next token boundary. Safe to call from a signal handler or another thread."""
        self.interrupted = True
        self.workspace.interrupt()

    def take_notices(self) -> tuple[Notice | HookOutput, ...]:
        """The messages since the last call that belong to no line."""
        self.notices += [Notice(problem, "warning") for problem in self.settings.take_problems()]
        found = tuple(self.notices)
        self.notices.clear()
        return found

    # Inside

    def _run(self, text: str, op: str, work: Events) -> Events:
        """Execute the work of one line as one turn, and notify the listeners."""
        self._num_lines += 1
        line = Line(text, op, self._num_lines, outer=self.line)
        self.line, self.interrupted = line, False
        before, kept = self.workspace.place, Kept(self.workspace, self.registry)
        if self.workspace.current:
            self.session.begin_turn(text)
        turn, listened = self.hooks.line_begins(), self.hooks.listens("seqshell_token")
        ended: Event | None = None
        over = False
        try:
            yield self._heard(LineStarted(op, line.number, text, str(self.task or "")))
            for event in faults_named(work):
                is_inner = self.line is not line  # of a line that this one runs, which has handled it already
                if isinstance(event, Token):  # the hot path: other listeners need no tokens
                    if not is_inner:
                        if listened and (session := self.workspace.sessions.get(self.answering or "")):
                            yield from self.hooks.token(session, event)
                        self.last_result.add(event)
                    kept.is_shown = True
                    yield event
                    continue
                kept.is_shown = kept.is_shown or isinstance(event, LineFinished)
                if not is_inner:
                    turn.add(self._heard(event))
                yield event
                if isinstance(event, Answer) and event.unknown and not event.is_of_file and not is_inner:
                    yield self._heard(Notice(unknown_note(event.unknown)))
                over = over or isinstance(event, Quit) or self.interrupted
                if over and (self.line is line or (self.line.outer is line and isinstance(event, LineFinished))):
                    break
            work.close()
            session = self.workspace.sessions.get(self.answering or "")
            kept.check_process(session)
            yield from turn.end(session, text)
            ended = self._finish(line, before)
            yield from self.take_notices()
            yield ended
        except Exception as error:
            work.close()  # what it still does at its end comes before
            kept.restore()
            named = error
            if isinstance(error, PluginError):
                named = signed(error.with_remains(kept.remains), self.registry)
            if ended is None:
                ended = self._finish(line, before, failed=True)
                yield ended
            if named is error:
                raise
            raise named from error
        except KeyboardInterrupt as stop:
            work.close()
            notice = kept.stopped(stop, line.guard, has_unread=self._unread() is not None)
            if notice is not None and notice not in self.notices:  # it may be of a line that this one runs
                self.notices.append(notice)
            raise
        finally:
            work.close()
            if ended is None:  # nobody reads on, or Ctrl-C stopped it at once
                self._finish(line, before, failed=True)
            self.line = line.outer

    def _finish(self, line: Line, before: Place, *, failed: bool = False) -> Event:
        line.changed = self.workspace.place != before
        if self.interactive and line.outer is None and (unread := self._unread()) is not None:
            self.notices.append(Notice(unread.note))
        return self._heard(LineFinished(line.changed, failed))

    def _unread(self) -> Reading | None:
        """The text that an interrupt left in part unread in the current session."""
        return self.session.unread if self.workspace.current else None

    def _heard(self, event: Event) -> Event:
        """The event, after all listeners have heard it."""
        for listener in self._listeners:
            listener.hear(event)
        self.workspace.note_answer(self.answering, event)
        return event

    def _notify(self, hook: str, **arguments: Any) -> None:
        """Call an event hook; the next line shows what it shows, and which plugins failed."""
        self.notices += self.hooks.call(hook, **arguments)

    def _nothing(self) -> Events:
        yield from ()

    def _message(self, text: str) -> Events:
        session = self.session
        if len(text) > MAX_MESSAGE or len(text.encode("utf-8", "replace")) > MAX_MESSAGE:
            raise UsageError(
                f"a message is at most {MAX_MESSAGE // 1_000_000} MB; /feed @FILE in parts reads more",
                code="too_long",
            )
        if text.startswith("@") and is_file(text[1:]):
            command = "feed" if task_spec(session.model.task).can_continue else session.model.task
            yield Notice(f"{text} is taken as text; /{command} {text} reads the file")
        yield from session.behaviour.answer(text, self.settings.values())

    def _continue(self) -> Events:
        yield from self.find_command("continue").run(self, Arguments())

    def _command(self, line: syntax.CommandLine) -> Events:
        found = self.find_command(line.name, line.rest)
        if found.tasks and self.task is not None and self.task not in found.tasks:
            needed = " or ".join(sorted(task.value for task in found.tasks))
            raise UsageError(
                f"/{found.name} is for the task {needed}; {self.session.model.name} has the task {self.task}",
                hint=f"/load {task_spec(min(found.tasks, key=list(Task).index)).default_model} opens another model",
                code="wrong_task",
            )
        arguments = syntax.read_arguments(found, line.rest, self.read_stdin)
        if "@FILE" in found.usage and not arguments.quoted and not arguments.file and is_file(arguments.text):
            yield Notice(f"{arguments.text} is taken as text; @{arguments.text} reads the file")
        owner = self.registry.plugin(self.registry.owner("command", line.name))
        run = partial(found.run, self, arguments)
        own = self.line
        if owner.builtin or own is None:
            yield from run()
            return
        own.guard = Guard(f"/{found.name} of {owner.title}", owner.owner)
        yield from plugin_command(run, own.guard, lambda: self.line is own)

    def _full_name(self, name: str) -> str:
        """The name of the command that a name or alias means, or the name itself if there is no such command."""
        try:
            return self.find_command(name).name
        except SeqshellError:
            return name
