"""What the first prompt does not wait for: numpy, plugins and the model are loaded on a thread while the user types."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seqshell.shell import Shell


class Loading:
    """Builds the shell once, in the background. on_ready is called on that thread when it is done, or has failed."""

    def __init__(self, build: Callable[[], Shell], on_ready: Callable[[], None] = lambda: None) -> None:
        self._build = build
        self._on_ready = on_ready
        self._done = threading.Event()
        self._thread: threading.Thread | None = None
        self._shell: Shell | None = None
        self._error: BaseException | None = None

    def start(self) -> None:
        """Begin, unless it has begun."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="loading", daemon=True)
            self._thread.start()

    @property
    def shell(self) -> Shell | None:
        """The shell, None until it stands."""
        return self._shell

    @property
    def failed(self) -> bool:
        return self._error is not None

    def is_done(self, seconds: float = 0.0) -> bool:
        """Whether it is done, waiting for it at most so long."""
        return self._done.wait(seconds)

    def wait(self) -> Shell:
        """The shell, once it stands; raises what kept it from standing. Signal handlers run while this waits."""
        self.start()
        self._done.wait()
        if self._error is not None:
            raise self._error
        assert self._shell is not None
        return self._shell

    def _run(self) -> None:
        try:
            self._shell = self._build()
        except BaseException as error:  # told by whoever waits
            self._error = error
        finally:
            self._done.set()
            self._on_ready()
