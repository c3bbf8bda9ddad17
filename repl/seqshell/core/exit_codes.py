"""The exit codes of the program, and what each means."""

from __future__ import annotations

OK, FAILED, BAD_USAGE, NO_MODEL, NOT_AS_EXPECTED = range(5)
INTERRUPTED, CLOSED_PIPE = 130, 141

MEANINGS = {
    str(OK): "all lines succeeded",
    str(FAILED): "a line failed",
    str(BAD_USAGE): "bad usage",
    str(NO_MODEL): "model missing or invalid",
    str(NOT_AS_EXPECTED): "/expect failed",
    "N": "after /quit N",
    "128+N": f"ended by signal N, such as {INTERRUPTED} by Ctrl-C",
}
