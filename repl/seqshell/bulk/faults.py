"""Errors on their way from a worker to the process that shows them."""

from __future__ import annotations

from collections.abc import Mapping

from seqshell.core import errors
from seqshell.core.errors import SeqshellError, reason_of, trace_of

LAST = 300  # characters of a traceback


def described(error: BaseException) -> dict[str, str]:
    """An error as JSON can hold it."""
    if isinstance(error, SeqshellError):
        return {"kind": type(error).__name__, "message": error.message, "hint": error.hint}
    return {"kind": "", "message": f"a worker failed: {reason_of(error)}", "hint": trace_of(error)[-LAST:]}


def raised(values: Mapping[str, str]) -> SeqshellError:
    """The error that was described."""
    kind = getattr(errors, values["kind"], SeqshellError)
    error: SeqshellError = kind(values["message"], hint=values["hint"])
    return error
