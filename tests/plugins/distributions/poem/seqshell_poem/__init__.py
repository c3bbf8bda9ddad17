"""The command /poem, offered to seqshell."""

import seqshell


@seqshell.hookimpl
def seqshell_commands():
    """/poem, imported when it is first asked for."""
    yield seqshell.Lazy("poem", "seqshell_poem.command:poem")
