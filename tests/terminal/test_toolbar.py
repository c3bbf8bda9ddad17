"""The bottom toolbar: its parts, and how they fit the window."""

import pytest

from seqshell.core.events import Notice
from seqshell.terminal.live_label import format_labels
from seqshell.terminal.toolbar import fit, toolbar_parts
from seqshell.testing import tiny_classification_model, tiny_model
from seqshell.testing.shell import shell_for


def test_the_toolbar_shows_model_strategy_seed_position_and_speed():
    shell = shell_for(tiny_model(), seed=7)
    assert list(toolbar_parts(shell)) == ["tiny", "main at 0", "seed 7", "sample"]
    list(shell.handle("/set temperature 0.5"))
    list(shell.handle("/feed abc"))
    parts = ["tiny", "main at 3", "seed 7", "sample temperature=0.5", "1,234 tokens/s"]
    assert list(toolbar_parts(shell, 1234.5)) == parts


def test_the_toolbar_shows_the_label_of_the_last_message():
    shell = shell_for(tiny_classification_model())
    assert list(toolbar_parts(shell)) == ["tiny", "main at 0"]
    (label,) = [event for event in shell.handle("abc") if not isinstance(event, Notice)]
    assert list(toolbar_parts(shell)) == ["tiny", *format_labels(label.probs), "main at 3"]


def test_the_toolbar_says_when_no_model_is_open():
    shell = shell_for(tiny_model())
    shell.workspace.close("tiny")
    assert list(toolbar_parts(shell)) == ["no model"]


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (100, "shakespeare · main at 206 · seed 37961 · sample min_p=0.05 temperature=0.8 · 900 tokens/s"),
        (80, "shakespeare · main at 206 · seed 37961 · sample min_p=0.05 temperature=0.8"),
        (60, "shakespeare · main at 206 · seed 37961"),
        (30, "shakespeare · main at 206"),
        (20, "shakespeare"),
        (8, "shakesp"),
    ],
)
def test_in_a_narrow_window_the_least_important_parts_are_dropped_first(width, line):
    parts = ["shakespeare", "main at 206", "seed 37961", "sample min_p=0.05 temperature=0.8", "900 tokens/s"]
    assert fit(parts, width) == line


def test_in_a_narrow_window_the_most_likely_label_is_dropped_last():
    parts = ["sentiment", "negative 52%", "positive 48%", "main at 0"]
    assert fit(parts, 40) == "sentiment · negative 52% · positive 48%"
    assert fit(parts, 30) == "sentiment · negative 52%"
