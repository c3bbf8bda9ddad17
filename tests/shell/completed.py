"""What a shell offers at the end of a line."""

from seqshell.shell.completion import complete


def texts(shell, before):
    found = complete(shell, before)
    return [before[: found.start] + text for text, _ in found.items]


def described(shell, before):
    """The completions with their descriptions."""
    found = complete(shell, before)
    return {before[: found.start] + text: about for text, about in found.items}
