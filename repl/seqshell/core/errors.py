"""The errors that seqshell shows as one plain line. Any other exception is a bug and keeps its traceback.

    SeqshellError
      UsageError          an invalid command, setting, option, name or file
      VocabularyError     a text with characters that the model's vocabulary does not have
      CheckpointError     a checkpoint or saved session that cannot be read or written
        UnwritableError   a checkpoint or saved session whose place cannot be written
      RecipeError         an invalid recipe, or data that cannot be trained on
      PluginError         a plugin that failed; it is left out, and the shell continues
      DownloadError       a file that could not be downloaded
      ExpectationError    an /expect that failed

A message says what is wrong, where, and what to do; lower case, no full stop.
"""

from __future__ import annotations

from seqshell.core.sanitize import safe
from seqshell.core.signal_handlers import stops_host

MAX_REASON = 300  # characters
MAX_MESSAGE = 480  # characters; a name or value that the user wrote may have any number


class SeqshellError(Exception):
    """An error that the user can fix. hint: what to do, if the message does not say it.

    message: made one line of at most MAX_MESSAGE characters, without control characters; of a longer one, the middle is
    left out.
    """

    code = "error"

    def __init__(self, message: str, *, hint: str = "") -> None:
        message = _one_line(message)
        super().__init__(message)
        self.message = message
        self.hint = _one_line(hint)


class UsageError(SeqshellError):
    """An invalid command, setting, option, name or file.

    code: may be more specific than "usage", e.g. "unknown_command".
    """

    code = "usage"

    def __init__(self, message: str, *, hint: str = "", code: str = "usage") -> None:
        super().__init__(message, hint=hint)
        self.code = code


class VocabularyError(SeqshellError):
    """Characters that the vocabulary does not have: those at `positions` of `text`, counted from 0."""

    code = "vocabulary"

    def __init__(self, message: str, *, text: str = "", positions: tuple[int, ...] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.text = text
        self.positions = positions


class CheckpointError(SeqshellError):
    """A checkpoint or saved session that is missing, damaged, of another program, or cannot be written."""

    code = "checkpoint"


class UnwritableError(CheckpointError):
    """A checkpoint or saved session that is valid, but whose place cannot be written. reason: of the system."""

    def __init__(self, message: str, *, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason


class RecipeError(SeqshellError):
    """A recipe with an unknown key or an invalid value, or data that cannot be trained on."""

    code = "recipe"


class PluginError(SeqshellError):
    """A plugin that failed: its name, its distribution, and the traceback that `/plugins --errors` shows.

    remains: what is still valid, in words; the hint begins with it.
    """

    code = "plugin"

    def __init__(
        self,
        message: str,
        *,
        plugin: str = "",
        distribution: str = "",
        details: str = "",
        hint: str = "",
        remains: str = "",
    ) -> None:
        super().__init__(message, hint="; ".join(filter(None, (remains, hint))))
        self.plugin = plugin
        self.distribution = distribution
        self.details = details
        self.remains = remains

    def with_remains(self, remains: str) -> PluginError:
        """The same error that says what is still valid; itself if it says that already."""
        if self.remains or not remains:
            return self
        return PluginError(
            self.message,
            plugin=self.plugin,
            distribution=self.distribution,
            details=self.details,
            hint=self.hint,
            remains=remains,
        )


class DownloadError(SeqshellError):
    """A server that cannot be reached, refuses a file, or breaks off."""

    code = "download"


class ExpectationError(SeqshellError):
    """The last result does not contain the text of /expect."""

    code = "expectation"


def _one_line(text: str) -> str:
    line = safe(" ".join(text.splitlines()).replace("\t", " "))
    return line if len(line) <= MAX_MESSAGE else f"{line[: MAX_MESSAGE // 2]} ... {line[5 - MAX_MESSAGE // 2 :]}"


def reason_of(error: BaseException) -> str:
    """An exception in one line: `TypeName: message`, for a SeqshellError the message alone. Never raises."""
    if isinstance(error, SystemExit):
        return "it called sys.exit"
    try:
        message = " ".join(str(error).split())[:MAX_REASON]
    except BaseException as failure:  # the exception's own __str__ failed
        if stops_host(failure):
            raise
        message = ""
    if isinstance(error, SeqshellError):
        return message
    name = type(error).__name__
    return f"{name}: {message}" if message else name


def trace_of(error: BaseException) -> str:
    """The traceback of an exception as text. Never raises."""
    import traceback

    try:
        return "".join(traceback.format_exception(error))
    except BaseException as failure:  # an exception with attributes of wrong types
        if stops_host(failure):
            raise
        return type(error).__name__
