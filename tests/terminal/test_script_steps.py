"""Scripts that run step by step: prose from comments, and lines to send."""

from seqshell.core.events import Steps
from seqshell.terminal.script_steps import Step, steps_of


def test_comments_are_paragraphs_and_lines_and_blocks_are_steps():
    script = ("", "/# One", "/# two.", "/#", "/# Three.", "ROMEO:", "", '"""a', '/# b"""', "/undo", "/# The end.")
    assert list(steps_of(Steps("x", script))) == [
        Step(("One two.", "Three."), "ROMEO:"),
        Step((), '"""a\n/# b"""'),
        Step((), "/undo"),
        Step(("The end.",), None),
    ]
