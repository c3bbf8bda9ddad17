"""Hostile lines at the shell, in a script and in a terminal. A case is a conversation of 10 lines.

    python -m tests.campaigns.lines --seed 1 --count 10000 --jobs 2    # 100,000 lines

Where a model answers for long, the line is interrupted, as Ctrl-C does it; such a line also has to keep the promise.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path

import matplotlib.figure  # noqa: F401  # before the workers are forked, as torch
import torch  # noqa: F401
from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output.vt100 import Vt100_Output
from tests.campaigns.campaign import Campaign
from tests.campaigns.parts import files
from tests.campaigns.parts.foreign_controls import foreign_at_prompt, foreign_control
from tests.campaigns.parts.line_grammar import LineGrammar
from tests.campaigns.parts.screen import Screen
from tests.campaigns.parts.shell_invariants import broken_end, broken_shell

from seqshell.cli import script
from seqshell.cli.json_lines import one_line
from seqshell.core.errors import MAX_MESSAGE, SeqshellError
from seqshell.core.events import LineFinished, LineStarted, Notice, Progress, Token
from seqshell.host import Policy
from seqshell.host.builtin import load_registry
from seqshell.shell.shell import Shell
from seqshell.shell.startup import Options
from seqshell.terminal.line_runner import LineRunner
from seqshell.terminal.printer import TRUE_COLOUR, Printer
from seqshell.terminal.repl import Repl
from seqshell.terminal.signals import Signals

LINES = 10
TOKENS = 150  # of a line, then it is interrupted
PATIENCE = 0.7  # seconds of a line, then it is interrupted
LIMIT = 10.0  # seconds of processor time that an interrupted line may take
# What prompt_toolkit may report if the keyboard is closed while keys wait; nobody is there to see it.
ENDED_TWICE = "Return value already set."
LONGEST_MESSAGE = 2 * MAX_MESSAGE  # characters of an error, with the name of its script

REGISTRY = load_registry(Policy(no_plugins=True))
GRAMMAR = LineGrammar(REGISTRY)


@dataclass(frozen=True)
class Conversation:
    """Lines and where they are typed. way: of WAYS. model: the current one at first; the others open when needed."""

    way: str
    model: str
    lines: tuple[str, ...]
    colours: int
    width: int
    is_terminal: bool  # of a script: whether stdout is one
    json: str
    as_file: bool  # of a script: whether the lines are a file
    pasted: bool  # at the prompt


def check(draws: random.Random, folder: Path) -> str | None:
    """Hold a conversation; if it breaks the promise, find the fewest of its lines that do."""
    conversation = Conversation(
        way=draws.choice(("shell", "shell", "terminal", "terminal", "script", "prompt")),
        model=draws.choice((*files.MODELS, "shakespeare", "names") if draws.random() < 0.02 else list(files.MODELS)),
        lines=tuple(GRAMMAR.line(draws) for _ in range(LINES)),
        colours=draws.choice((-1, 0, 16, 256, 256, TRUE_COLOUR)),
        width=draws.choice((20, 60, 80, 100)),
        is_terminal=draws.random() < 0.7,
        json=draws.choice(("", "", "lines", "stream")),
        as_file=draws.random() < 0.5,
        pasted=draws.random() < 0.7,
    )
    problem = attempt(conversation, folder / "0")
    if problem is None:
        return None
    number = 1
    for line in conversation.lines:
        fewer = replace(conversation, lines=tuple(each for each in conversation.lines if each is not line))
        again = attempt(fewer, folder / str(number))
        number += 1
        if again is not None:
            conversation, problem = fewer, again
    return f"{problem} · {replace(conversation, lines=())} · {[*map(shortened, conversation.lines)]}"


def shortened(line: str) -> str:
    """A line, without the middle of a very long one."""
    return line if len(line) < 300 else f"{line[:100]}...{len(line)}...{line[-100:]}"


def attempt(conversation: Conversation, folder: Path) -> str | None:
    """Hold a conversation in a new folder; returns what is wrong, if anything."""
    folder.mkdir()
    files.make(folder)
    os.chdir(folder)
    os.environ |= {"SEQSHELL_HOME": str(folder / "home"), "HOME": str(folder), "EDITOR": "true"}
    try:
        problem = WAYS[conversation.way](conversation)
    except SeqshellError as error:
        return f"{type(error).__name__}: {error}"
    log = folder / "home" / "log"
    if log.exists():
        return f"a fault inside seqshell: {log.read_text('utf-8').strip().splitlines()[-1]}"
    if not Path("/dev/full").is_char_device():
        return "/dev/full was replaced"
    return problem


@contextmanager
def interrupted(interrupt: Callable[[], None], limit: float = LIMIT) -> Iterator[None]:
    """Interrupt what takes longer than PATIENCE. Raises TimeoutError if it does not end then."""
    timer = threading.Timer(PATIENCE, interrupt)
    timer.start()
    start = time.process_time()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
    if time.process_time() - start > limit:
        raise TimeoutError(f"a line took {time.process_time() - start:.1f} s")


def new_shell(conversation: Conversation, *, interactive: bool) -> Shell:
    shell = Shell(REGISTRY, seed=1, interactive=interactive)
    shell.open(conversation.model)
    return shell


# At the shell


def at_the_shell(conversation: Conversation) -> str | None:
    shell = new_shell(conversation, interactive=False)
    for line in conversation.lines:
        if problem := run_line(shell, line) or broken_shell(shell):
            return f"{problem} after {shortened(line)!r}"
    problem = broken_end(shell)
    shell.end()
    return problem


def run_line(shell: Shell, line: str) -> str | None:
    """Run a line; returns what is wrong with its events, its error, or what they say of the session."""
    place, before = shell.workspace.place, session_text(shell)
    is_quiet, finished, tokens = True, None, 0
    with interrupted(shell.interrupt):
        try:
            with closing(shell.run(line)) as events:
                for event in events:
                    event.as_text()
                    one_line(event.as_json())
                    is_quiet = is_quiet and isinstance(event, LineStarted | LineFinished | Notice | Progress)
                    finished = event if isinstance(event, LineFinished) else finished
                    tokens += isinstance(event, Token)
                    if tokens == TOKENS:
                        shell.interrupt()
        except SeqshellError as error:
            if "\n" in error.message or len(error.message) > LONGEST_MESSAGE:
                return f"an error of {len(error.message)} characters: {error.message[:300]!r}"
            is_command = line.startswith("/") and not line.startswith(("//", "/source", "/restore"))
            if is_command and is_quiet and (shell.workspace.place, session_text(shell)) != (place, before):
                return f"a failed command changed the session: {error.message}"
        except Exception as error:
            return f"a fault inside seqshell: {type(error).__name__}: {error}"
    if finished is not None and finished.changed != (shell.workspace.place != place):
        return f"LineFinished.changed is {finished.changed}"
    return None


def session_text(shell: Shell) -> str:
    return shell.session.text().text if shell.workspace.current else ""


# In a terminal, without a keyboard


def in_a_terminal(conversation: Conversation) -> str | None:
    shell, screen = new_shell(conversation, interactive=True), Screen()
    printer = Printer(screen, colours=conversation.colours, width=lambda: conversation.width)
    runner = LineRunner(shell, printer, Signals())
    for line in conversation.lines:
        with interrupted(shell.interrupt):
            outcome = runner.run(line)
        if foreign := foreign_control(screen.taken()):
            return f"the terminal received {foreign} after {shortened(line)!r}"
        if problem := broken_shell(shell):
            return f"{problem} after {shortened(line)!r}"
        if outcome.quit is not None:
            break
    shell.settings.set("autosave", True)
    shell.end()
    runner.draw_notices()
    return broken_end(shell) or foreign_control(screen.taken())


# In a script


def in_a_script(conversation: Conversation) -> str | None:
    options = Options(
        model=conversation.model,
        lines=() if conversation.as_file else tuple(map(argument, conversation.lines)),
        scripts=("typed.seq",) if conversation.as_file else (),
        json=conversation.json,
        on_error="continue",
        seed=1,
        echo=conversation.pasted,
        no_plugins=True,
        go_on=True,
    )
    Path("typed.seq").write_bytes("\n".join(conversation.lines).encode("utf-8", "surrogatepass"))
    out, err = Screen(is_terminal=conversation.is_terminal), Screen()
    signal.signal(signal.SIGINT, lambda number, frame: None)
    stopped = interrupted(lambda: os.kill(os.getpid(), signal.SIGINT), LIMIT * LINES)
    with redirect_stdout(out), redirect_stderr(err), stopped:
        code, shell = script.run(options)
    if not 0 <= code < 256:
        return f"exit code {code}"
    written = out.taken()
    if conversation.json:
        for line in written.splitlines():
            json.loads(line)
    if (conversation.is_terminal or conversation.json) and (foreign := foreign_control(written)):
        return f"stdout received {foreign}"
    if foreign := foreign_control(err.taken()):
        return f"stderr received {foreign}"
    return None if shell is None else broken_shell(shell) or broken_end(shell)


def argument(line: str) -> str:
    """A line as Python reads it from the command line: a surrogate stands for a byte that is not UTF-8."""
    return line.replace("\x00", "").encode("utf-8", "surrogatepass").decode("utf-8", "surrogateescape")


# At the prompt


def at_the_prompt(conversation: Conversation) -> str | None:
    """With keys from a pipe and prompt_toolkit's own drawing."""
    shell, screen = new_shell(conversation, interactive=True), Screen()
    printer = Printer(screen, colours=conversation.colours, width=lambda: conversation.width)
    size = Size(rows=24, columns=conversation.width)
    output = Vt100_Output(screen, lambda: size, term="xterm-256color", enable_bell=False, enable_cpr=False)
    over = threading.Event()

    def keep_moving() -> None:
        running: object = None
        while not over.wait(PATIENCE):
            if shell.line is not None and shell.line is running:
                shell.interrupt()
            running = shell.line

    watch = threading.Thread(target=keep_moving, daemon=True)
    with create_pipe_input() as keys:
        keys.send_text("".join(typed(line, conversation.pasted) for line in conversation.lines))
        keys.send_text("\x1b\x03\x03\x04")
        keys.close()
        with Signals() as signals, redirect_stdout(screen), redirect_stderr(screen):
            watch.start()
            repl = Repl(Options(interactive=True), printer, signals, shell, input=keys, output=output)
            code = repl.run()
            over.set()
    watch.join()
    if not 0 <= code < 256:
        return f"exit code {code}"
    written = screen.taken()
    raised = re.findall(r"^Exception (.*?)\s*$", written, re.MULTILINE)  # as prompt_toolkit reports what a key raised
    if "Unhandled exception" in written and any(not each.startswith(ENDED_TWICE) for each in raised or [""]):
        return f"a key raised {raised}"
    if foreign := foreign_at_prompt(written):
        return f"the terminal received {foreign}"
    return broken_shell(shell) or broken_end(shell)


def typed(line: str, pasted: bool) -> str:
    """The keys for a line: as a paste, or one by one, without Ctrl-Z, which would stop this process."""
    text = line.encode("utf-8", "replace").decode("utf-8")
    if pasted:
        return f"\x1b[200~{text[:2000].replace(chr(27) + '[201~', '')}\x1b[201~\r"
    return text[:200].replace("\x1a", "") + "\r"


WAYS: dict[str, Callable[[Conversation], str | None]] = {
    "shell": at_the_shell,
    "terminal": in_a_terminal,
    "script": in_a_script,
    "prompt": at_the_prompt,
}

CAMPAIGN = Campaign(
    "lines",
    "after each of 10 lines, no fault, no foreign control character, and the session equals its replay",
    check,
    seconds=120.0,
    memory=3 * 2**30,
)

if __name__ == "__main__":
    sys.exit(CAMPAIGN.main())
