"""Results of subcommands: tables fit the window of a terminal; elsewhere they are plain text of any width."""

import io

import pytest

from seqshell.cli.result_output import print_result
from seqshell.core.events import Notice, Table
from seqshell.terminal import printer

TABLE = Table(
    ("recipe", "result", "file"),
    (("copy", "Copy three to ten letters", "/home/ann/copy.toml"),),
    optional=("file",),
)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    """A window of 30 columns."""
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setattr(printer, "terminal_width", lambda stream: 30)
    return Terminal()


def test_a_table_in_a_terminal_fits_the_window(terminal):
    print_result(TABLE, terminal)
    assert terminal.getvalue() == "recipe  result\ncopy    Copy three to ten\n        letters\n"


def test_a_table_in_a_pipe_is_whole():
    pipe = io.StringIO()
    print_result(TABLE, pipe)
    assert pipe.getvalue() == (
        "recipe  result                     file\ncopy    Copy three to ten letters  /home/ann/copy.toml\n"
    )


def test_a_line_is_wrapped_in_a_terminal_and_has_no_control_characters(terminal):
    print_result("sentiment on reviews, 25 held-out\x1b texts", terminal)
    assert terminal.getvalue() == "sentiment on reviews, 25\nheld-out^[ texts\n"


def test_an_event_without_text_prints_nothing(terminal):
    print_result(Notice("a note"), terminal)
    assert terminal.getvalue() == ""
