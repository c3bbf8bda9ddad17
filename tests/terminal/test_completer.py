"""Tab completion, with a shell and while it is loading."""

from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from seqshell.terminal.completer import ShellCompleter
from seqshell.testing import tiny_model
from seqshell.testing.shell import shell_for


def completions(shell, line):
    """The completions of a line: text and where it starts, relative to the cursor."""
    found = ShellCompleter(lambda: shell).get_completions(Document(line), CompleteEvent())
    return [(completion.text.strip(), completion.start_position) for completion in found]


def test_tab_completes_the_word_before_the_cursor():
    assert ("temperature", -4) in completions(shell_for(tiny_model()), "/set temp")


def test_commands_are_completed_while_the_shell_is_loading():
    assert completions(None, "/und") == [("/undo", -4)]
