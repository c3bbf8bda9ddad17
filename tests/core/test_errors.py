"""Every exception can be reported in one line."""

import pytest

from seqshell.core.errors import MAX_REASON, PluginError, UsageError, reason_of


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
