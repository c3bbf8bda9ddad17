"""Every error that seqshell shows as one plain line. Anything else that is raised is a bug and keeps its traceback.

    SeqshellError
      UsageError          a command, setting, option or file that the user gave cannot be used
      VocabularyError     a text has characters that the model does not know
      CheckpointError     a file of weights or a saved session that cannot be read or written
      RecipeError         a recipe or its data that cannot be trained on
      PluginError         a plugin that failed; it is left out and the shell goes on
      ExpectationError    /expect did not hold

A message says what is wrong, where, and the way out; lower case, no full stop.
"""

from __future__ import annotations

MAX_REASON = 300  # characters


class SeqshellError(Exception):
    """A fault that the user can do something about. `hint` is the way out when the message does not hold it."""

    code = "error"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(SeqshellError):
    """A command, setting, option, name or file that cannot be used as given. `code` may be made more exact, e.g. unknown_command."""

    code = "usage"

    def __init__(self, message: str, *, hint: str = "", code: str = "usage") -> None:
        super().__init__(message, hint=hint)
        self.code = code


class VocabularyError(SeqshellError):
    """Characters that the model does not know: `text`, and the `positions` in it (counted from 0) where they stand."""

    code = "vocabulary"

    def __init__(self, message: str, *, text: str = "", positions: tuple[int, ...] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.text = text
        self.positions = positions


class CheckpointError(SeqshellError):
    """A checkpoint or saved session that is missing, damaged, foreign, or cannot be written."""

    code = "checkpoint"


class RecipeError(SeqshellError):
    """A recipe with an unknown or wrong key, or data that cannot be trained on."""

    code = "recipe"


class PluginError(SeqshellError):
    """A plugin that failed: its name, the distribution that it came with, and the traceback for `/plugins --errors`."""

    code = "plugin"

    def __init__(
        self, message: str, *, plugin: str = "", distribution: str = "", details: str = "", hint: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.plugin = plugin
        self.distribution = distribution
        self.details = details


class ExpectationError(SeqshellError):
    """The last result does not contain what /expect asked for."""

    code = "expectation"


def reason_of(error: BaseException) -> str:
    """An exception in one line: `TypeName: message`, for a SeqshellError the message alone. Never raises."""
    if isinstance(error, SystemExit):
        return "it called sys.exit"
    try:
        message = " ".join(str(error).split())[:MAX_REASON]
    except Exception:  # the exception's own __str__ failed
        message = ""
    if isinstance(error, SeqshellError):
        return message
    name = type(error).__name__
    return f"{name}: {message}" if message else name
