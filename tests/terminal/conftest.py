"""Fixtures of the terminal's tests: a screen in memory, a keyboard, parts of the terminal, and whole terminals."""

import io
import os
import re
import sys
import time

import pexpect
import pyte
import pytest
from prompt_toolkit.application.current import create_app_session
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput
from tests.terminal.letters import VOCABULARY

from seqshell.terminal.completer import ShellCompleter
from seqshell.terminal.line_runner import LineRunner
from seqshell.terminal.printer import Printer
from seqshell.terminal.prompt import Prompt
from seqshell.terminal.renderer import Renderer
from seqshell.terminal.signals import Signals
from seqshell.terminal.toolbar import toolbar_parts
from seqshell.testing import tiny_checkpoint

CONTROL_SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


TIMEOUT = 30  # seconds; a loaded machine may be slow


class Window:
    """seqshell in a terminal, with the screen that the user sees."""

    def __init__(self, home, *arguments, size=(24, 80), program=(), **environment):
        self.screen = pyte.Screen(size[1], size[0])
        self.screen.write_process_input = self.type  # reports the cursor position
        self.stream = pyte.Stream(self.screen)
        self.output = ""
        self.ended = False
        settings = {"TERM": "xterm-256color", "SEQSHELL_HOME": str(home), "SEQSHELL_PLUGINS": "", "LC_ALL": "C.UTF-8"}
        inherited = {
            name: value
            for name, value in os.environ.items()
            if name not in ("NO_COLOR", "COLORTERM", "SEQSHELL_DEBUG", "COLUMNS", "LINES", "COLORFGBG")
        }
        program, *arguments = program or [sys.executable, "-m", "seqshell", *arguments]
        self.process = pexpect.spawn(
            program, arguments, dimensions=size, env=inherited | settings | environment, encoding="utf-8", cwd=home
        )

    def read(self, seconds=0.05):
        """Read what the program has written."""
        try:
            text = self.process.read_nonblocking(100_000, seconds)
        except pexpect.TIMEOUT:
            return
        except pexpect.EOF:
            self.ended = True
            return
        self.output += text
        self.stream.feed(text)

    @property
    def lines(self):
        return [line.rstrip() for line in self.screen.display]

    @property
    def text(self):
        return "\n".join(self.lines).rstrip()

    def until(self, pattern):
        """Wait until the screen shows a pattern."""
        end = time.monotonic() + TIMEOUT
        while not re.search(pattern, self.text, re.MULTILINE):
            self.wait(end, f"no {pattern!r}")
        return self

    def wait(self, end, problem):
        """Read once more; fails if the time is up or the program has ended."""
        late = self.ended or time.monotonic() > end
        assert not late, f"{problem} in\n{self.text}"
        self.read()

    def type(self, keys):
        self.process.send(keys)
        return self

    def enter(self, line):
        """Send a line and wait for the next prompt."""
        before = self.prompts
        self.type(line + "\r")
        end = time.monotonic() + TIMEOUT
        while self.prompts == before or not self.prompting:
            self.wait(end, f"no prompt after {line!r}")
        return self

    @property
    def prompts(self):
        """The number of prompts so far: each turns on bracketed paste, except on a dumb terminal."""
        return self.output.count("\x1b[?2004h") or self.output.count(">>> ")

    @property
    def prompting(self):
        return self.lines[self.screen.cursor.y].startswith(">>>")

    def status(self):
        """Wait for the end of the program and return its exit status."""
        end = time.monotonic() + TIMEOUT
        while self.process.isalive():
            assert time.monotonic() < end, f"still running:\n{self.text}"
            self.read()
        self.read()
        self.process.close()
        return self.process.exitstatus


class Screen(io.StringIO):
    """A stream in memory that accepts Unicode."""

    encoding = "utf-8"


@pytest.fixture
def new_printer():
    """Return a function that creates a printer on a screen in memory."""

    def create(colours=0, width=80, background=""):
        return Printer(Screen(), colours=colours, width=lambda: width, background=background)

    return create


@pytest.fixture
def visible():
    """Return a function that gives a printer's text without control sequences and trailing spaces."""

    def text(printer):
        return re.sub(r" +$", "", CONTROL_SEQUENCE.sub("", printer.stream.getvalue()), flags=re.MULTILINE)

    return text


@pytest.fixture
def drawn(new_printer, visible):
    """Return a function that draws an event and gives the visible text."""

    def draw(event, **options):
        printer = new_printer(**options)
        Renderer(printer).draw(event)
        return visible(printer)

    return draw


@pytest.fixture
def new_runner(new_printer):
    """Return a function that creates a line runner for a shell."""

    def create(shell, *, is_waiting=lambda: False, **options):
        shell.interactive = True
        return LineRunner(shell, new_printer(**options), Signals(), is_waiting)

    return create


@pytest.fixture
def keyboard():
    """A pipe in place of the keyboard; `send_text` presses keys."""
    with create_pipe_input() as pipe, create_app_session(input=pipe, output=DummyOutput()):
        yield pipe


@pytest.fixture
def new_prompt(keyboard):
    """Return a function that creates a prompt on the keyboard. shell: None for a shell that is still loading."""

    def create(shell=None, *, get_shell=None, history=(), **options):
        get_shell = get_shell or (lambda: shell)
        return Prompt(
            get_shell=get_shell,
            history=InMemoryHistory(list(history)),
            completer=ShellCompleter(get_shell),
            toolbar=lambda: list(toolbar_parts(shell)) if shell else ["tiny"],
            input=keyboard,
            output=DummyOutput(),
            **options,
        )

    return create


@pytest.fixture
def window(home):
    """Return a function that starts seqshell in a terminal, in the folder `home`."""
    opened = []

    def start(*arguments, **more):
        opened.append(Window(home, *arguments, **more))
        return opened[-1]

    yield start
    for each in opened:
        each.process.close(force=True)


@pytest.fixture(scope="session")
def shared_home(tmp_path_factory):
    """A home with tiny models in place of those that ship."""
    home = tmp_path_factory.mktemp("home")
    (home / "models").mkdir()
    header = {"about": "It continues what you write.", "examples": ["ROMEO:"]}
    tiny_checkpoint(
        home / "models" / "shakespeare.safetensors", VOCABULARY, hidden_size=16, defaults={"max_tokens": 30}, **header
    )
    return home
