"""Ctrl-C, SIGTERM and SIGHUP in the terminal, without a prompt."""

import os
import signal

import pytest

from seqshell.terminal.signals import Signals, Terminated


@pytest.fixture
def interrupts():
    """The interrupts of the current answer, as a list."""
    return []


def test_the_first_ctrl_c_interrupts_the_answer_and_the_second_one_raises(interrupts):
    signals = Signals()
    with signals.answering(lambda: interrupts.append("first")):
        signals._on_interrupt(signal.SIGINT, None)
        assert interrupts == ["first"]
        with pytest.raises(KeyboardInterrupt):
            signals._on_interrupt(signal.SIGINT, None)
    with signals.answering(lambda: interrupts.append("second")):
        signals._on_interrupt(signal.SIGINT, None)
    assert interrupts == ["first", "second"]


def test_ctrl_c_raises_when_there_is_neither_a_prompt_nor_an_answer():
    with pytest.raises(KeyboardInterrupt):
        Signals()._on_interrupt(signal.SIGINT, None)


def test_sigterm_interrupts_the_answer_and_then_ends_the_program(interrupts):
    with (
        pytest.raises(Terminated) as terminated,
        Signals() as signals,
        signals.answering(lambda: interrupts.append("answer")),
    ):
        os.kill(os.getpid(), signal.SIGTERM)
    assert interrupts == ["answer"]
    assert terminated.value.status == 143


def test_sighup_ends_the_program_at_once_when_no_line_is_being_answered():
    with pytest.raises(Terminated) as terminated, Signals():
        os.kill(os.getpid(), signal.SIGHUP)
    assert terminated.value.status == 129
