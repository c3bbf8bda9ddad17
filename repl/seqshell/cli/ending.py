"""The end of the process, and what Python reports outside of any call: neither a plugin's threads nor its functions for
the end of the process hold it up, show a traceback or control the terminal.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
import threading
import time
import warnings
from types import FrameType
from typing import Any

from seqshell.core.signal_handlers import send_again

PATIENCE = 2.0  # seconds that the threads and functions of plugins have after the program has ended


def report_faults() -> None:
    """Report in one line what a plugin raises in a thread of its own, in a destructor or at the end of the process.

    A signal whose exception was raised in a destructor, and so was ignored, comes again.
    """

    def thread_failed(raised: threading.ExceptHookArgs) -> None:
        name = raised.thread.name if raised.thread is not None else "thread"
        if not _report(raised.exc_value, f"failed in the thread {name}"):
            threading.__excepthook__(raised)

    def ignored(raised: Any) -> None:  # sys.UnraisableHookArgs
        if send_again(raised.exc_value):
            return
        what = "failed at the end of the process" if "atexit" in (raised.err_msg or "") else "failed"
        if not _report(raised.exc_value, what, getattr(raised.object, "gi_frame", None)):
            sys.__unraisablehook__(raised)

    threading.excepthook = thread_failed
    sys.unraisablehook = ignored
    ignore_number_warnings()


def ignore_number_warnings() -> None:
    """Keep from stderr what numpy says, with lines of code, of numbers that are not finite.

    Where such numbers reach a result, it is refused.
    """
    warnings.filterwarnings("ignore", r"(overflow|underflow|divide by zero|invalid value) encountered", RuntimeWarning)


def end(code: int) -> int:
    """Return the exit code for sys.exit, or end the process with it if a thread is still at work, such as an import.

    Python's own way out ends such a thread in the middle of native code, which may crash. What is printed from now on
    goes to stderr, with control characters made visible.
    """
    from seqshell.core.capture import SanitizedStream

    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    sys.stdout = sys.stderr = SanitizedStream(sys.stderr)
    is_busy = any(thread.daemon for thread in threading.enumerate())
    threading.Thread(target=_end_late, args=(code,), daemon=True).start()
    if is_busy:
        for thread in _unfinished():
            thread.join()
        atexit._run_exitfuncs()
        _end_now(code)
    return code


def _end_late(code: int) -> None:
    """End the process if it has not ended after PATIENCE seconds, and say which plugin holds it up."""
    time.sleep(PATIENCE)
    from seqshell.cli.plain_text import print_diagnostic
    from seqshell.core.plugin_guard import owner_in

    threads = _unfinished()
    for thread in threads:
        owner = owner_in(sys._current_frames().get(thread.ident or 0))
        title = owner.title if owner else "a plugin"
        print_diagnostic(sys.stderr, f"{title} does not end its thread {thread.name}; seqshell ends without it")
    if threads:  # the main thread waits for them, and has not called the functions for the end yet
        threading.Thread(target=_end_later, args=(code,), daemon=True).start()
        atexit._run_exitfuncs()
    else:
        owner = owner_in(sys._current_frames().get(threading.main_thread().ident or 0))
        title = owner.title if owner else "a plugin"
        print_diagnostic(sys.stderr, f"{title} does not end what it does at the end of the process")
    _end_now(code)


def _end_later(code: int) -> None:
    time.sleep(PATIENCE)
    _end_now(code)


def _end_now(code: int) -> None:
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.flush()
    os._exit(code)


def _unfinished() -> list[threading.Thread]:
    """The threads for which Python waits at its end."""
    main = threading.main_thread()
    return [thread for thread in threading.enumerate() if not thread.daemon and thread is not main]


def _report(error: BaseException | None, what: str, frame: FrameType | None = None) -> bool:
    """Print that a plugin failed, in one line; False if the error is not of a plugin."""
    from seqshell.cli.plain_text import print_diagnostic
    from seqshell.core.errors import reason_of, trace_of
    from seqshell.core.paths import home
    from seqshell.core.plugin_guard import culprit, owner_in
    from seqshell.shell.failures import write_log

    owner = (culprit(error) if error is not None else None) or owner_in(frame)
    if error is None or owner is None:
        return False
    print_diagnostic(sys.stderr, f"{owner.title} {what}: {reason_of(error)}")
    write_log(home() / "log", trace_of(error))
    return True
