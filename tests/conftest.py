"""What holds for all tests."""

from __future__ import annotations

import signal

from hypothesis import settings

settings.register_profile(
    "seqshell", deadline=None
)  # how long an example takes says more about the machine than about the code
settings.load_profile("seqshell")

# Whoever starts the tests with nohup or in the background has them ignore signals, and the programs that they start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
for number in (signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_DFL)
