"""Handlers that raise: one exception at a time; and the grace period of a line that was asked to stop."""

import os
import signal
import sys
import time

import pytest

from seqshell.core.grace_period import TICK, GracePeriod
from seqshell.core.signal_handlers import PAUSE, HostStop, SignalHandlers, UserInterrupt, send_again


@pytest.fixture
def handlers():
    """SIGINT raises KeyboardInterrupt."""
    handlers = SignalHandlers({signal.SIGINT: signal.default_int_handler})
    handlers.install()
    yield handlers
    handlers.restore()


def test_a_second_signal_does_not_cut_short_the_clean_up_after_the_first(handlers):
    cleaned = []

    def work():
        try:
            os.kill(os.getpid(), signal.SIGINT)
        finally:
            os.kill(os.getpid(), signal.SIGINT)
            cleaned.append("whole")

    with pytest.raises(UserInterrupt):
        work()
    assert cleaned == ["whole"]
    time.sleep(PAUSE)
    with pytest.raises(UserInterrupt):
        os.kill(os.getpid(), signal.SIGINT)


def test_a_signal_whose_exception_a_destructor_swallows_comes_again(handlers, monkeypatch):
    class Interrupted:
        def __del__(self):
            os.kill(os.getpid(), signal.SIGINT)

    swallowed = []
    monkeypatch.setattr(sys, "unraisablehook", lambda raised: swallowed.append(send_again(raised.exc_value)))
    Interrupted()
    assert swallowed == [True]
    with pytest.raises(UserInterrupt):
        time.sleep(10)


def test_only_a_stop_of_a_signal_is_sent_again():
    assert not any(map(send_again, (None, ValueError(), KeyboardInterrupt(), HostStop())))


@pytest.fixture
def grace():
    """A grace period, and how often it was over."""
    over = []
    grace = GracePeriod(lambda: over.append("over"))
    before = signal.signal(signal.SIGALRM, grace.on_alarm)
    yield grace, over
    grace.cancel()
    signal.signal(signal.SIGALRM, before)


def test_a_grace_period_is_over_once(grace):
    period, over = grace
    period.start(2 * TICK)
    while not over:
        time.sleep(TICK)
    time.sleep(4 * TICK)
    assert over == ["over"]


def test_a_cancelled_grace_period_is_never_over(grace):
    period, over = grace
    period.start(10 * TICK)
    period.cancel()
    time.sleep(12 * TICK)
    assert over == []


def test_only_alarms_that_were_handled_count(grace):
    """A process that does not get to run is given more time."""
    period, over = grace
    period.start(3 * TICK)
    signal.setitimer(signal.ITIMER_REAL, 0)
    time.sleep(5 * TICK)
    assert over == []
    for _ in range(3):
        period.on_alarm(signal.SIGALRM, None)
    assert over == ["over"]
