import seqshell_turnlog
from seqshell_turnlog.command import log

from seqshell.testing import check_command, failed, shell_for, tiny_model


def lines_after(*lines):
    """The user's lines in the log after these lines."""
    shell = shell_for(tiny_model(), plugins=[seqshell_turnlog])
    for line in ("/set max_tokens 3", *lines):
        list(shell.handle(line))
    (table,) = [event for event in shell.handle("/log") if hasattr(event, "rows")]
    return [row[1] for row in table.rows]


def test_the_command_passes_all_checks():
    assert not failed(check_command(log))


def test_the_log_follows_undo_redo_and_branches():
    assert lines_after("ab", "cd") == ["ab", "cd"]
    assert lines_after("ab", "cd", "/undo") == ["ab"]
    assert lines_after("ab", "cd", "/undo", "/redo") == ["ab", "cd"]
    assert lines_after("ab", "/branch other", "cd", "/checkout main", "ef") == ["ab", "ef"]


def test_the_limit_is_a_setting():
    assert lines_after("/set seqshell_turnlog.limit 1", "ab", "cd") == ["cd"]
