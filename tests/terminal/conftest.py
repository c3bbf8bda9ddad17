"""Fixtures of the terminal's tests: a screen in memory, a keyboard, and parts of the terminal that use them."""

import io
import re

import pytest
from prompt_toolkit.application.current import create_app_session
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from seqshell.terminal.completer import ShellCompleter
from seqshell.terminal.line_runner import LineRunner
from seqshell.terminal.printer import Printer
from seqshell.terminal.prompt import Prompt
from seqshell.terminal.renderer import Renderer
from seqshell.terminal.signals import Signals
from seqshell.terminal.toolbar import toolbar_parts

CONTROL_SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


class Screen(io.StringIO):
    """A stream in memory that accepts Unicode."""

    encoding = "utf-8"


@pytest.fixture
def new_printer():
    """Return a function that creates a printer on a screen in memory."""

    def create(colours=0, width=80):
        return Printer(Screen(), colours=colours, width=lambda: width)

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

    def create(shell=None, *, get_shell=None, history=()):
        get_shell = get_shell or (lambda: shell)
        return Prompt(
            get_shell=get_shell,
            history=InMemoryHistory(list(history)),
            completer=ShellCompleter(get_shell),
            toolbar=lambda: list(toolbar_parts(shell)) if shell else ["tiny"],
            input=keyboard,
            output=DummyOutput(),
        )

    return create
