"""`plugins check` runs the hooks of a plugin in a small conversation with a model of each task, and in a training."""

import json

import pytest

from seqshell.cli.plugins_check import check_command

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


TRAINING = """
import random

import seqshell

@seqshell.hookimpl
def seqshell_training(run, event):
    random.random()
    if isinstance(event, seqshell.Notice) and run.progress.best:
        return seqshell.Text(f"epoch {run.progress.best['epoch']}")
"""
IN_TRAINING = "its hook seqshell_training works in a small training, and does not change the weights"


def test_a_hook_for_training_that_keeps_the_rules_passes(write_plugin, failed_rules):
    assert failed_rules(write_plugin(TRAINING)) == {}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("['epoch']", "['step_']"), "KeyError: 'step_' (wrong.py, line 10)"),
        (("random.random()", "raise SystemExit"), "it called sys.exit (wrong.py, line 8)"),
        (("random.random()", "return 3"), "it must return events, not int"),
        (("seqshell.Text(", "("), "it must return events, not str"),
        (("random.random()", "run.settings = None"), "the training fails with it: "),
        (
            ("random.random()", "run.module.readout.bias.data += 1"),
            "the weights are others than without it: embedding.weight: difference",
        ),
    ],
)
def test_a_hook_for_training_that_breaks_a_rule_is_found(write_plugin, failed_rules, change, reason):
    seen, _ = failed_rules(write_plugin(TRAINING, change))[IN_TRAINING]

    assert reason in seen
    assert "\n" not in seen


def test_no_rule_is_tried_after_a_hook_was_left_out(write_plugin, capsys):
    """The one that fails is told once: in the conversation, not also as a fault in training."""
    both = HOOKS + TRAINING.replace("import seqshell\n", "")
    assert check_command(write_plugin(both, ('"here"', "3")), (), as_json=True) == 1
    (hooks,) = (offer for offer in json.loads(capsys.readouterr().out)["offers"] if offer["kind"] == "hooks")
    failed, *others = hooks["rules"]

    assert failed["rule"] == IN_GENERATE
    assert "it must return a text" in failed["seen"]
    assert [rule["not_tried_after"] for rule in others] == [IN_GENERATE] * 5
