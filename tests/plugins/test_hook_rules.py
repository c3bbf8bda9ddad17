"""`plugins check` runs the hooks of a plugin in a small conversation with a model of each task."""

import pytest

HOOKS = """
import seqshell

@seqshell.hookimpl
def seqshell_turn(session, line, events):
    session.notes["wrong"] = line
    return [seqshell.Text(line)]

@seqshell.hookimpl
def seqshell_moved(session, moved):
    return seqshell.Notice(str(moved.position))

@seqshell.hookimpl
def seqshell_toolbar(session):
    return "here"
"""
IN_GENERATE = "its hooks work in a small conversation with a model for generate"


def test_hooks_that_keep_the_rules_pass(write_plugin, failed_rules):
    assert failed_rules(write_plugin(HOOKS)) == {}


@pytest.mark.parametrize(
    ("change", "reason", "case"),
    [
        (("= line\n", "= {1}\n"), "the note wrong must consist of JSON values", "abc"),
        (("[seqshell.Text(line)]", "line"), "it must return events, not str", "abc"),
        (("moved.position", "moved.place"), "'Moved' object has no attribute 'place'", "/undo"),
        (('"here"', "3"), "it must return a text, not int", "abc"),
        (("    session.notes", "    session.undo(); session.notes"), "a hook must not change the session", "abc"),
    ],
)
def test_a_hook_that_breaks_a_rule_is_found_with_the_line(write_plugin, failed_rules, change, reason, case):
    seen, line = failed_rules(write_plugin(HOOKS, change))[IN_GENERATE]

    assert reason in seen
    assert line == case
