"""What holds for all tests."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("seqshell", deadline=None)  # how long an example takes says more about the machine than about the code
settings.load_profile("seqshell")
