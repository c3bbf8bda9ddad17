"""Every exception can be reported in one line."""

import pytest

from seqshell.core.errors import MAX_MESSAGE, MAX_REASON, PluginError, UsageError, reason_of


class Unprintable(Exception):
    def __str__(self):
        raise ValueError


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("too small"), "ValueError: too small"),
        (ValueError(), "ValueError"),
        (RuntimeError("two\n  lines\tand tabs "), "RuntimeError: two lines and tabs"),
        (RuntimeError("x" * 1000), "RuntimeError: " + "x" * MAX_REASON),
        (KeyError("name"), "KeyError: 'name'"),
        (SystemExit(3), "it called sys.exit"),
        (UsageError("no model is open"), "no model is open"),
        (PluginError("it implements no hook"), "it implements no hook"),
        (Unprintable(), "Unprintable"),
    ],
)
def test_an_exception_is_reported_in_one_line(error, line):
    assert reason_of(error) == line


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("no model 'a\nb'\r\nhere", "no model 'a b' here"),
        ("no file '\x1b[31m\t\x9bm\u202e'", "no file '^[[31m <9b>m<U+202E>'"),
        ("x" * MAX_MESSAGE, "x" * MAX_MESSAGE),
        (f"unexpected '{'x' * 5000}'; usage: /top", f"unexpected '{'x' * 228} ... {'x' * 221}'; usage: /top"),
    ],
)
def test_a_message_is_one_line_of_limited_length_that_keeps_its_beginning_and_end(message, line):
    error = UsageError(message, hint=message)

    assert (error.message, str(error), error.hint) == (line, line, line)
    assert len(line) <= MAX_MESSAGE
