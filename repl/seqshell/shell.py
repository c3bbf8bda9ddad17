"""One line in, events out: the shell owns the registry, the open models and the settings. It draws nothing and reads no keys."""

from __future__ import annotations

import difflib
import traceback
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TextIO

from seqshell import lines, results
from seqshell.errors import PluginError, SeqshellError, UsageError
from seqshell.events import Event, Finished, Notice, Quit, Token
from seqshell.models import Task
from seqshell.offers import Arguments, Command
from seqshell.settings import Settings

if TYPE_CHECKING:
    from seqshell.host import Registry
    from seqshell.models import Model
    from seqshell.session import Session

Work = Callable[[], Generator[Event, None, None]]
LONGEST_MESSAGE = 10_000_000  # bytes of UTF-8
KNOWN_FROM_ELSEWHERE: Mapping[str, str] = MappingProxyType(
    {
        "temp": "/set temperature 0.8",
        "temperature": "/set temperature 0.8",
        "top_p": "/set top_p 0.9",
        "top_k": "/set top_k 40",
        "model": "/load NAME",
        "run": "/load NAME",
        "read": "/feed @FILE",
        "edit": "Ctrl-X Ctrl-E at the prompt",
    }
)


class Shell:
    """The bench a user works at: several open models, each with its own session; one is current.

    interactive: a person types; autosave and the notes for people depend on it. seed: what new sessions start with.
    read_stdin: gives the text of @-, or is None where stdin is the script or a terminal. device: where training runs.
    last_result: the text of the last result, for /expect. answered: the name of the session that answered last.
    history: the lines handled, oldest first. recording: an open text file that every line which did not fail is written to.
    notices: remarks that came up between the lines; the next line yields them, unless they were taken before.
    """

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
        self.settings = settings or Settings(registry.samplers, registry.strategies)
        self.seed = seed
        self.interactive = interactive
        self.read_stdin = read_stdin
        self.device = device
        self.sessions: dict[str, Session] = {}
        self.current: str | None = None
        self.answered: str | None = None
        self.interrupted = False
        self.changed = False  # whether the last line changed the session's place before it ended or failed
        self.last_result = ""
        self.history: list[str] = []
        self.op = ""  # what the line at work is called in JSON: the task of a message, else the command's full name
        self.number_of_lines = 0  # handled so far, those of /source among them
        self.scripts: list[str] = []  # the scripts that run one another just now, the outermost first
        self.notices: list[Notice] = []  # what is to be told beside the next results
        self.recording: TextIO | None = None
        self._depth = 0

    # The open models

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
        from seqshell import opening, places

        path = places.find_checkpoint(word, self.registry.checkpoint_folders).resolve()
        for name, session in self.sessions.items():
            if session.model.path is not None and session.model.path.resolve() == path:
                self.use(name)
                return session
        return self.add(opening.open_model(path, self.registry))

    def add(self, model: Model) -> Session:
        """Start a session on an opened model and make it the current one."""
        from seqshell import opening

        session = opening.start_session(model, self.registry, seed=self.seed, snapshot_mb=self.settings.get("snapshot_mb"))
        self.settings.prepare(session)
        self._keep(self._free_name(model.name), session)
        self.notices += self._tell("seqshell_model_loaded", session=session)
        return session

    def restore(self, word: str | Path) -> Session:
        """Open a saved session with its model and make it the current one; it replaces the one on the same model.

        CheckpointError when either is missing, or the model is not the one that it was saved with; nothing has changed then.
        """
        from seqshell import opening, places
        from seqshell.session import Session

        path = places.find_checkpoint(word, kind="sessions")
        wanted = Session.saved_model(path)
        open_one = next((item for item in self.sessions.items() if item[1].model.fingerprint == wanted.fingerprint), None)
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

    def end(self, reason: str = "quit") -> bool:
        """Leave: an interactive session is kept as `last` (setting autosave), plugins hear that the sessions ended. True: it was kept."""
        from seqshell import places

        kept = bool(self.interactive and self.current and self.settings.get("autosave") and self.session.position)
        try:
            if kept:
                self.session.save(places.place("last", "sessions"))
            return kept
        finally:
            if self.recording is not None:
                self.recording.close()
                self.recording = None
            for session in self.sessions.values():
                self._end(session, reason)

    # One line

    def handle(self, line: str) -> Iterator[Event]:
        """Do what a line says: a command, a message, or (empty, at the prompt) more of the last answer.

        Closing the iterator stops at a token boundary; what is committed stays. SeqshellError: the line failed.
        """
        parsed = lines.parse(line)
        if isinstance(parsed, lines.CommandLine):
            return self._told(line, lambda: self._command(parsed))
        if parsed is None or (parsed.text == "" and not self.interactive):
            return iter(())
        if parsed.text == "" and line == "":
            return self._told(line, self._go_on) if self.task == Task.GENERATE else iter(())
        return self._told(line, lambda: self._message(parsed.text))

    def message(self, text: str) -> Iterator[Event]:
        """Answer a text as a message and nothing else, whatever it starts with."""
        return self._told(lines.as_message(text), lambda: self._message(text))

    def find_command(self, word: str) -> Command:
        """The command with this name or alias, with or without the slash; UsageError (unknown_command) hints at what was meant."""
        name = word.removeprefix("/")
        if name in self.registry.commands:
            found: Command = self.registry.commands[name]
            return found
        if name in KNOWN_FROM_ELSEWHERE:
            hint = KNOWN_FROM_ELSEWHERE[name]
            raise UsageError(f"there is no command /{name}; here it is {hint}", hint=hint, code="unknown_command")
        if several := self.registry.commands.candidates(name):
            choices = " or ".join(f"/{full}" for full in several)
            raise UsageError(f"several plugins offer /{name}: choose {choices}", code="ambiguous_command")
        near = difflib.get_close_matches(name, self.registry.commands, 1)
        meant = f"did you mean /{near[0]}?" if near else "/help lists the commands, //text sends a text that starts with a slash"
        raise UsageError(f"there is no command /{name[:40]}; {meant}", hint=f"/{near[0]}" if near else "", code="unknown_command")

    def take_notices(self) -> tuple[Notice, ...]:
        """What came up since the last call, beside the results."""
        found, self.notices = tuple(self.notices), []
        return found

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

    def _keep(self, name: str, session: Session) -> None:
        self.sessions[name] = session
        self.use(name)
        self.notices += self._tell("seqshell_session_started", session=session)

    def _end(self, session: Session, reason: str) -> None:
        self.notices += self._tell("seqshell_session_ended", session=session, reason=reason)

    def _attach(self) -> None:
        self.settings.attach(self.sessions[self.current] if self.current else None)
        self.notices += [Notice(problem, "warning") for problem in self.settings.take_problems()]

    def _told(self, line: str, work: Work) -> Iterator[Event]:
        """Run the work of one line as one turn, and remember what /expect, /record and /history want to know of it."""
        self.interrupted = self.changed = False
        self.history.append(line)
        self.number_of_lines += 1
        before, recording, op = self._place(), self.recording, self.op
        self._depth += 1
        if self.current:
            self.session.begin_turn(line)
        listened = self.registry.listens("seqshell_token")
        shown, cut = results.Shown(), None
        events = work()
        try:
            for event in events:
                if listened and isinstance(event, Token):
                    yield from self._tell("seqshell_token", session=self.session, token=event)
                if isinstance(event, Finished):
                    self.answered = self.current
                    cut = event if event.stop == "interrupt" else None
                shown.add(event)
                yield event
                if isinstance(event, Quit) or (self.interrupted and not isinstance(event, Token)):
                    break
        finally:
            events.close()
            self._depth -= 1
            if self._depth:  # a script's line is done, and the command that runs the script goes on
                self.op = op
            self.changed = self._place() != before
        if shown.text is not None:
            self.last_result = shown.text
        yield from self.take_notices()
        if recording is not None and recording is self.recording:
            from seqshell.commands.recording import replayed

            try:
                recording.write("".join(f"{written}\n" for written in replayed(self, line, cut)))
                recording.flush()
            except OSError as error:
                self.recording = None
                yield Notice(f"the recording ended: {error.strerror or error}", "warning")

    def _tell(self, hook: str, **arguments: Any) -> Iterator[Notice]:
        """Tell the plugins that listen; a Notice for each that failed and is left out from now on."""
        for problem in self.registry.notify(hook, **arguments):
            yield Notice(f"{problem.message}; the plugin is left out: /plugins --errors", "warning")

    def _place(self) -> tuple[str | None, int, str]:
        return (self.current, self.session.position, self.session.branch) if self.current else (None, 0, "")

    def _message(self, text: str) -> Generator[Event, None, None]:
        from seqshell import tasks

        self.op = self.session.model.task.value
        if len(text) > LONGEST_MESSAGE or len(text.encode("utf-8", "replace")) > LONGEST_MESSAGE:
            raise UsageError(f"a message is at most {LONGEST_MESSAGE // 1_000_000} MB; /feed @FILE in parts reads more", code="too_long")
        yield from tasks.answer(self.session, text, self.settings)

    def _go_on(self) -> Generator[Event, None, None]:
        self.op = "/continue"
        yield from self.find_command("continue").run(self, Arguments())

    def _command(self, line: lines.CommandLine) -> Generator[Event, None, None]:
        self.op = f"/{line.name}"
        found = self.find_command(line.name)
        self.op = f"/{found.name}"
        if found.tasks and self.current and self.task not in found.tasks:
            wanted = " or ".join(sorted(task.value for task in found.tasks))
            raise UsageError(f"/{found.name} is for the task {wanted}; {self.session.model.name} has the task {self.task}", code="wrong_task")
        arguments = lines.read_arguments(found, line.rest, self.read_stdin)
        owner = self.registry.owner("command", line.name)
        try:
            yield from found.run(self, arguments)
        except SeqshellError:
            raise
        except Exception as error:
            if owner == "seqshell":
                raise
            reason = f"/{found.name} of the plugin {owner} failed: {type(error).__name__}: {error}"
            raise PluginError(reason, plugin=owner, details=traceback.format_exc()) from error
