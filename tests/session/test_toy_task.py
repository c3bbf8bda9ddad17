"""A new task needs one TaskSpec and one TaskBehaviour to work in a session."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seqshell import Session, UsageError
from seqshell.core import tasks
from seqshell.core.events import Text
from seqshell.session.tasks.behaviour import TaskBehaviour
from seqshell.testing import tiny_model


class EchoBehaviour(TaskBehaviour):
    """Reads each message alone and repeats it."""

    does = "repeats texts"
    advice = "write a text"

    @staticmethod
    def stands_alone(timeline, node):
        return True

    def answer(self, text, settings):
        self.navigator.restart(self.encode(text, settings["unknown"]))
        yield Text(text)


@pytest.fixture
def session(monkeypatch):
    spec = replace(tasks.task_spec("generate"), name="echo", behaviour=f"{__name__}:EchoBehaviour", can_continue=False)
    monkeypatch.setitem(tasks.TASKS, "echo", spec)
    return Session(replace(tiny_model(), task="echo"))


def test_a_toy_task_answers_messages(session):
    assert list(session.behaviour.answer("abc", {"unknown": "error"})) == [Text("abc")]
    assert list(session.behaviour.answer("de", {"unknown": "error"})) == [Text("de")]
    assert (session.text().text, session.position) == ("de", 2)

    moved = session.undo()
    assert (moved.position, moved.removed, session.text().text) == (3, 2, "abc")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s: s.feed("abc"), "tiny repeats texts and cannot read a text without answering it; write a text"),
        (lambda s: s.generate(3), "tiny repeats texts and cannot generate text; write a text"),
        (lambda s: s.regenerate(), "tiny repeats texts and cannot regenerate an answer; write a text"),
        (lambda s: s.top(), "tiny repeats texts and cannot predict the next token; write a text"),
        (lambda s: s.behaviour.continue_answer({}), "tiny repeats texts and cannot continue an answer; write a text"),
        (lambda s: s.translate("abc"), "tiny does not translate; /models lists the models that do"),
        (lambda s: s.classify("abc"), "tiny does not label texts; /models lists the models that do"),
        (lambda s: s.forecast(), "tiny does not forecast; /models lists the models that do"),
    ],
)
def test_a_toy_task_refuses_what_it_cannot_do(session, call, message):
    with pytest.raises(UsageError) as caught:
        call(session)

    assert caught.value.message == message


def test_an_unknown_task_is_refused():
    with pytest.raises(UsageError, match="unknown task 'echo'; the tasks are generate, translate, classify, forecast"):
        Session(replace(tiny_model(), task="echo"))
