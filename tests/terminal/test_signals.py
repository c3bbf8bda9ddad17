"""Ctrl-C, SIGTERM and SIGHUP in the terminal, without a prompt."""

import contextlib
import os
import signal
import time

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


def test_ctrl_c_stops_a_line_that_does_not_stop_by_itself(interrupts):
    def work():
        with Signals() as signals, signals.answering(lambda: interrupts.append("asked")):
            os.kill(os.getpid(), signal.SIGINT)
            while True:
                time.sleep(0.01)

    with pytest.raises(KeyboardInterrupt):
        work()
    assert interrupts == ["asked"]


def test_a_line_that_ends_itself_may_take_its_time(interrupts):
    def ends_itself():
        interrupts.append("later")
        return True

    with Signals() as signals, signals.answering(lambda: interrupts.append("asked"), ends_itself):
        os.kill(os.getpid(), signal.SIGINT)
        while interrupts != ["asked", "later"]:
            time.sleep(0.01)
        time.sleep(0.1)


def test_sigterm_right_after_ctrl_c_is_not_forgotten():
    """It ends the program at the next prompt, and not in the clean-up after Ctrl-C."""

    def interrupted():
        try:
            os.kill(os.getpid(), signal.SIGINT)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    def work():
        with Signals() as signals:
            with contextlib.suppress(KeyboardInterrupt):
                interrupted()
            with signals.prompting(None):
                pass

    with pytest.raises(Terminated) as terminated:
        work()
    assert terminated.value.status == 143


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
