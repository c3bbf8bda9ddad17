"""An interrupt ends the wait for an import, and never the import."""

import os
import signal
import sys
import threading
import time
import traceback
from importlib import import_module

import pytest

from seqshell.core.uninterrupted_imports import is_importing, uninterrupted_imports

# A module that notes each time that it is executed, and waits for a file before it is complete.
SLOW = """
import pathlib, time
folder = pathlib.Path(__file__).parent
with open(folder / "log", "a") as log:
    log.write("x")
while not (folder / "go").exists():
    time.sleep(0.01)
value = 7
"""


@pytest.fixture
def slow(tmp_path, monkeypatch):
    """The folder of the module `slow_native`."""
    (tmp_path / "slow_native.py").write_text(SLOW)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    (tmp_path / "go").touch()
    sys.modules.pop("slow_native", None)


def interrupt_while_importing(folder):
    """Send SIGINT to this process when the module is being executed and the main thread waits for it."""
    main = threading.get_ident()

    def is_waiting():
        stack = traceback.walk_stack(sys._current_frames()[main])
        return {"find_and_load", "_lock_unlock_module"} & {frame.f_code.co_name for frame, _ in stack}

    def send():
        while not ((folder / "log").exists() and is_waiting()):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=send).start()


@pytest.mark.parametrize("load", [lambda: __import__("slow_native"), lambda: import_module("slow_native")])
def test_an_interrupted_import_continues_and_its_module_is_executed_once(slow, load):
    with uninterrupted_imports():
        interrupt_while_importing(slow)
        with pytest.raises(KeyboardInterrupt):
            load()
        assert is_importing()
        (slow / "go").touch()
        assert load().value == 7
    assert (slow / "log").read_text() == "x"


def test_the_second_wait_for_an_import_can_be_interrupted_too(slow):
    with uninterrupted_imports():
        for _ in range(2):
            interrupt_while_importing(slow)
            with pytest.raises(KeyboardInterrupt):
                import slow_native
        (slow / "go").touch()
        import slow_native
    assert (slow_native.value, (slow / "log").read_text()) == (7, "x")


def test_the_error_of_an_import_is_raised_where_it_was_asked_for(tmp_path, monkeypatch):
    (tmp_path / "broken_native.py").write_text("raise OSError('no such library')")
    monkeypatch.syspath_prepend(tmp_path)
    with uninterrupted_imports():
        with pytest.raises(OSError, match="no such library"):
            import broken_native  # noqa: F401  # it cannot be used
        with pytest.raises(ModuleNotFoundError, match="No module named 'missing_native'"):
            import missing_native  # noqa: F401  # it cannot be used


def test_imports_of_other_threads_and_after_the_block_stay_as_they_were(tmp_path, monkeypatch):
    (tmp_path / "named_native.py").write_text("import threading\nname = threading.current_thread().name")
    monkeypatch.syspath_prepend(tmp_path)
    names = []

    def load():
        sys.modules.pop("named_native", None)
        names.append(import_module("named_native").name)

    with uninterrupted_imports():
        load()
        other = threading.Thread(target=load, name="other")
        other.start()
        other.join()
    load()
    assert names == ["import named_native", "other", "MainThread"]
