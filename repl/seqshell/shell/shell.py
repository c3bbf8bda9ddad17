"""One line in, events out: the shell owns the registry, the open models and the settings. It draws nothing and reads no keys."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, TextIO

from seqshell.core import text_output
from seqshell.core.errors import PluginError, UsageError
from seqshell.core.events import Event, Finished, Forecast, Label, Notice, Quit, Token, Translation
from seqshell.core.model import Task
from seqshell.core.names import did_you_mean, nearest
from seqshell.core.plugin_api import Arguments, Command, settings_of
from seqshell.shell import syntax
from seqshell.shell.plugin_commands import strangers_command
from seqshell.shell.settings import Settings
from seqshell.shell.workspace import Bench

if TYPE_CHECKING:
    from seqshell.host import Registry
    from seqshell.session import Session

Work = Callable[[], Generator[Event, None, None]]
LONGEST_MESSAGE = 10_000_000  # bytes of UTF-8
KNOWN_FROM_ELSEWHERE: Mapping[str, str] = MappingProxyType(
    {
        "model": "/load NAME",
        "run": "/load NAME",
        "read": "/feed @FILE",
        "edit": "Ctrl-X Ctrl-E at the prompt",
    }
)


class Shell(Bench):
    """The bench a user works at, and what becomes of each line.

    interactive: a person types; autosave and the notes for people depend on it.
    read_stdin: gives the text of @-, or is None where stdin is the script or a terminal. device: where training runs.
    last_result: the text of the last result, for /expect.
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
        super().__init__(registry, settings, seed)
        self.interactive = interactive
        self.read_stdin = read_stdin
        self.device = device
        self.changed = False  # whether the last line changed the session's place before it ended or failed
        self.last_result = ""
        self.history: list[str] = []
        self.op = ""  # what the line at work is called in JSON: the task of a message, else the command's full name
        self.number_of_lines = 0  # handled so far, those of /source among them
        self.scripts: list[str] = []  # the scripts that run one another just now, the outermost first
        self.recording: TextIO | None = None
        self._depth = 0

    def end(self, reason: str = "quit") -> bool:
        """Leave: an interactive session is kept as `last` (setting autosave), plugins hear that the sessions ended. True: it was kept."""
        from seqshell.core import paths

        kept = bool(self.interactive and self.current and self.settings.get("autosave") and self.session.position)
        try:
            if kept:
                self.session.save(paths.place("last", "sessions"))
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
        parsed = syntax.parse(line)
        if isinstance(parsed, syntax.CommandLine):
            return self._told(line, lambda: self._command(parsed))
        if parsed is None or (parsed.text == "" and not self.interactive):
            return iter(())
        if parsed.text == "" and line == "":
            return self._told(line, self._go_on) if self.task == Task.GENERATE else iter(())
        return self._told(line, lambda: self._message(parsed.text))

    def message(self, text: str) -> Iterator[Event]:
        """Answer a text as a message and nothing else, whatever it starts with."""
        return self._told(syntax.as_message(text), lambda: self._message(text))

    def find_command(self, word: str) -> Command:
        """The command with this name or alias, with or without the slash; UsageError (unknown_command) hints at what was meant."""
        name = word.removeprefix("/")
        if name in self.registry.commands:
            found: Command = self.registry.commands[name]
            return found
        if several := self.registry.commands.candidates(name):
            choices = " or ".join(f"/{full}" for full in several)
            raise UsageError(f"several plugins offer /{name}: choose {choices}", code="ambiguous_command")
        near = nearest(name, self.registry.commands)
        use_set = name in self.registry.samplers or not near
        if hint := KNOWN_FROM_ELSEWHERE.get(name, "") or (self._set_sampler(name) if use_set else ""):
            raise UsageError(f"there is no command /{name}; use {hint}", hint=hint, code="unknown_command")
        meant = did_you_mean(
            name,
            self.registry.commands,
            "/help lists the commands, //text sends a text that starts with a slash",
            form="/{}",
        )
        raise UsageError(f"there is no command /{name[:40]}; {meant}", hint=near and f"/{near}", code="unknown_command")

    def _set_sampler(self, name: str) -> str:
        """The /set line for the first sampler whose name begins with `name`; empty if there is none."""
        samplers = self.registry.samplers
        sampler = next((known for known in samplers if known.startswith(name)), "")
        settings = settings_of(samplers[sampler]) if sampler else ()
        return f"/set {sampler} {settings[0].default}" if settings else ""

    @property
    def answering(self) -> str | None:
        """The name of the session that answers the line at work."""
        return self.at_work or self.current

    def answer_with(self, name: str) -> Session:
        """Have the line at work answered by an open model that need not be the current one: it is a turn of its session."""
        session = self.sessions[name]
        if name != self.current:
            session.begin_turn(self.history[-1])
            self.at_work = name
        return session

    def take_notices(self) -> tuple[Notice, ...]:
        """What came up since the last call, beside the results."""
        found, self.notices = tuple(self.notices), []
        return found

    # Inside

    def _told(self, line: str, work: Work) -> Iterator[Event]:
        """Run the work of one line as one turn, and remember what /expect, /record and /history want to know of it."""
        self.interrupted = self.changed = False
        self.history.append(line)
        self.number_of_lines += 1
        before, recording, op, at_work = self._place(), self.recording, self.op, self.at_work
        self.at_work = None
        self._depth += 1
        if self.current:
            self.session.begin_turn(line)
        listened = self.registry.listens("seqshell_token")
        shown, cut = text_output.Shown(), None
        events = work()
        try:
            for event in events:
                if listened and isinstance(event, Token):
                    yield from self._tell("seqshell_token", session=self.sessions[self.answering or ""], token=event)
                if isinstance(event, Finished) and not (
                    isinstance(event, Translation) and event.item
                ):  # lines of a file move no session
                    self.answered = self.answering
                    self.translated = self.answering if isinstance(event, Translation) else self.translated
                    cut = event if event.stop == "interrupt" else None
                if isinstance(event, Forecast) or (isinstance(event, Label) and event.item is None):
                    self.answered = self.answering
                shown.add(event)
                yield event
                if isinstance(event, Quit) or (self.interrupted and not isinstance(event, Token)):
                    break
        except PluginError as error:
            told = self._signed(error)
            if told is error:
                raise
            raise told from error
        finally:
            events.close()
            self._depth -= 1
            if self._depth:  # a script's line is done, and the command that runs the script goes on
                self.op, self.at_work = op, at_work
            self.changed = self._place() != before
        if shown.text is not None:
            self.last_result = shown.text
        yield from self.take_notices()
        if recording is not None and recording is self.recording:
            from seqshell.shell.commands.record import replayed

            try:
                recording.write("".join(f"{written}\n" for written in replayed(self, line, cut)))
                recording.flush()
            except OSError as error:
                self.recording = None
                yield Notice(f"the recording ended: {error.strerror or error}", "warning")

    def _signed(self, error: PluginError) -> PluginError:
        """A plugin's fault, with the distribution that it came with; it is kept for /plugins --errors. Itself where nothing is to be added."""
        plugin = self.registry.named(error.plugin)
        if plugin is None or plugin.builtin:
            return error
        told = error
        if plugin.distribution and not error.distribution:
            told = PluginError(
                f"{error.message} ({plugin.distribution} {plugin.version})",
                plugin=plugin.name,
                distribution=plugin.distribution,
                details=error.details,
                hint=error.hint,
            )
        self.registry.note(told)
        return told

    def _place(self) -> tuple[str | None, int, str]:
        return (self.current, self.session.position, self.session.branch) if self.current else (None, 0, "")

    def _message(self, text: str) -> Generator[Event, None, None]:
        from seqshell.session import tasks

        self.op = self.session.model.task.value
        if len(text) > LONGEST_MESSAGE or len(text.encode("utf-8", "replace")) > LONGEST_MESSAGE:
            raise UsageError(
                f"a message is at most {LONGEST_MESSAGE // 1_000_000} MB; /feed @FILE in parts reads more",
                code="too_long",
            )
        yield from tasks.answer(self.session, text, self.settings)

    def _go_on(self) -> Generator[Event, None, None]:
        self.op = "/continue"
        yield from self.find_command("continue").run(self, Arguments())

    def _command(self, line: syntax.CommandLine) -> Generator[Event, None, None]:
        self.op = f"/{line.name}"
        found = self.find_command(line.name)
        self.op = f"/{found.name}"
        if found.tasks and self.current and self.task not in found.tasks:
            wanted = " or ".join(sorted(task.value for task in found.tasks))
            raise UsageError(
                f"/{found.name} is for the task {wanted}; {self.session.model.name} has the task {self.task}",
                code="wrong_task",
            )
        arguments = syntax.read_arguments(found, line.rest, self.read_stdin)
        owner = self.registry.plugin(self.registry.owner("command", line.name))
        yield from found.run(self, arguments) if owner.builtin else strangers_command(self, found, arguments, owner)
