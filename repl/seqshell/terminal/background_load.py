"""What the first prompt does not wait for: the shell, numpy, plugins and the model are loaded on a thread while the user types."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seqshell.terminal.line_runner import Answering


class BackgroundLoad:
    """Builds what answers, in the background. on_ready is called on that thread when it stands, or has failed."""

    def __init__(self, build: Callable[[], Answering], on_ready: Callable[[], None] = lambda: None) -> None:
        self._build = build
        self._on_ready = on_ready
        self._done = threading.Event()
        self._thread: threading.Thread | None = None
        self._built: Answering | None = None
        self._error: BaseException | None = None

    def start(self) -> None:
        """Begin, unless it has begun."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="loading", daemon=True)
            self._thread.start()

    @property
    def built(self) -> Answering | None:
        """What answers, None until it stands."""
        return self._built

    @property
    def failed(self) -> bool:
        """Whether it never will."""
        return self._error is not None

    def is_done(self, seconds: float = 0.0) -> bool:
        """Whether it stands or has failed, waiting for that at most so long."""
        return self._done.wait(seconds)

    def wait(self) -> Answering:
        """What answers, once it stands; raises what kept it from standing. Signal handlers run while this waits."""
        self.start()
        self._done.wait()
        if self._error is not None:
            raise self._error
        assert self._built is not None
        return self._built

    def _run(self) -> None:
        try:
            self._built = self._build()
        except BaseException as error:  # told by whoever waits
            self._error = error
        finally:
            self._done.set()
            self._on_ready()
