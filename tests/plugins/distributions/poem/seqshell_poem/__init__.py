"""The command /poem for seqshell."""

import seqshell


@seqshell.hookimpl
def seqshell_commands():
    """Offer /poem. It is imported when it is first used."""
    yield seqshell.Lazy("poem", "seqshell_poem.command:poem")
