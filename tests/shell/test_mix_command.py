"""/mix: a mixture of open models as the current one."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from seqshell.core.errors import SeqshellError
from seqshell.core.events import ModelOpened, Notice
from seqshell.core.state import leaves
from seqshell.shell.commands.mix import _mixed_words
from seqshell.testing.shell import shell_for
from seqshell.testing.tiny_language_model import tiny_model


@pytest.fixture
def shell(folder):
    """A shell with the open models tiny, which is current, and other."""
    shell = shell_for(tiny_model())
    shell.workspace.add(replace(tiny_model(seed=1), name="other"), background=True)
    return shell


def test_a_mixture_reads_the_text_again_and_the_models_keep_their_states(shell):
    list(shell.run("/feed abc"))
    before = np.array(next(leaves(shell.session.state)))
    events = list(shell.run("/mix tiny=.7 other=.3"))

    assert Notice("3 tokens read again") in events
    assert next(event for event in events if isinstance(event, ModelOpened)).name == "tiny+other"
    assert shell.session.text().text == "abc"
    np.testing.assert_array_equal(next(leaves(shell.session.state)), before)
    assert shell.workspace.sessions["other"].position == 0
    list(shell.run("/load tiny"))
    assert (shell.session.model.name, shell.session.position) == ("tiny", 3)


def names(events):
    return [event.name for event in events if isinstance(event, ModelOpened)]


def test_undo_right_after_a_mix_goes_back_to_the_model_before(shell):
    list(shell.run("/feed abc"))
    list(shell.run("/mix tiny other"))
    events = list(shell.run("/undo"))

    assert names(events) == ["tiny"]
    assert Notice("tiny+other stays open; /load tiny+other continues with it") in events
    assert (shell.session.model.name, shell.session.text().text) == ("tiny", "abc")
    list(shell.run("/load tiny+other"))
    assert shell.session.text().text == "abc"
    list(shell.run("/undo"))
    list(shell.run("/undo"))
    assert (shell.session.model.name, shell.session.position) == ("tiny", 0)


def test_undo_of_several_turns_passes_the_mix(shell):
    list(shell.run("/feed abc"))
    list(shell.run("/mix tiny other"))
    list(shell.run("/feed de"))
    assert names(shell.run("/undo")) == []
    assert (shell.session.model.name, shell.session.text().text) == ("tiny+other", "abc")
    list(shell.run("/feed fg"))
    list(shell.run("/feed h"))
    assert names(shell.run("/undo 4")) == ["tiny"]
    assert (shell.session.model.name, shell.session.position) == ("tiny", 0)
    list(shell.run("/load tiny+other"))
    assert shell.session.text().text == "abc"


def test_undo_of_tokens_or_of_another_text_stays_in_the_mixture(shell):
    list(shell.run("/feed abc"))
    list(shell.run("/mix tiny other"))
    list(shell.run("/undo 1t"))
    list(shell.run("/undo"))
    assert (shell.session.model.name, shell.session.text().text) == ("tiny+other", "")
    list(shell.run("/reseed de"))
    list(shell.run("/undo"))
    assert (shell.session.model.name, shell.session.position) == ("tiny+other", 0)
    assert names(shell.run("/undo")) == ["tiny"]


def test_undo_after_a_mix_without_text_or_without_the_model_before(shell):
    list(shell.run("/mix tiny other"))
    assert names(shell.run("/undo")) == ["tiny"]
    list(shell.run("/feed abc"))
    list(shell.run("/mix tiny other"))
    list(shell.run("/close tiny"))
    assert names(shell.run("/undo")) == []
    assert (shell.workspace.current, shell.session.position) == ("tiny+other-2", 0)


def test_weights_are_relative_and_one_unless_they_are_given(shell):
    list(shell.run("/mix tiny other=3"))
    assert shell.session.model.header["about"] == "A mixture of tiny=0.25, other=0.75."
    assert not any("read again" in event.as_text() for event in shell.run("/mix other") if isinstance(event, Notice))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("/mix", "missing argument; usage: /mix MODEL=WEIGHT ..."),
        ("/mix tiny=a", "the weight of tiny must be a number above 0, not 'a'"),
        ("/mix tiny=-1", "the weight of tiny must be a number above 0, not '-1'"),
        ("/mix tiny=nan", "the weight of tiny must be a number above 0, not 'nan'"),
        ("/mix =1", "the weight of a model must be a number above 0"),
        ("/mix tiny=1 tiny=2", "a model is named twice; write each with its weight once"),
        ("/mix tiny shakespear", "no model 'shakespear'; did you mean shakespeare?"),
        ("/mix tiny sentiment", "sentiment is for classify, and tiny for generate"),
        ("/mix tiny shakespeare", "shakespeare has another vocabulary than tiny (65 and 10 tokens), so they cannot"),
    ],
)
def test_what_cannot_be_mixed_is_said_in_one_line(shell, line, message):
    with pytest.raises(SeqshellError, match=re.escape(message)):
        list(shell.run(line))
    assert list(shell.workspace.sessions) == ["tiny", "other"]
    assert shell.session.model.name == "tiny"


def test_names_are_completed_with_the_sign_of_a_weight(shell):
    found = _mixed_words(shell, "ti")

    assert found["other="] == "open"
    assert "shakespeare=" in found
