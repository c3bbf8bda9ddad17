"""Exceptions as messages: what is a bug, and what is not."""

from __future__ import annotations

import errno
import os

import pytest

from seqshell.shell.failures import fault_of


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)),
        ImportError("libtorch_cpu.so: failed to map segment from shared object"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("can't start new thread"),
    ],
)
def test_too_little_memory_is_no_bug(error, home):
    fault = fault_of(error)

    assert fault.message.startswith("not enough memory: ")
    assert (fault.hint, fault.code, home.exists()) == ("close other programs or models", "memory", False)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EFBIG, errno.EROFS, errno.EMFILE])
def test_a_full_or_read_only_disk_is_no_bug(number, home):
    fault = fault_of(OSError(number, os.strerror(number)))

    assert (fault.message, fault.code) == (f"the system refused to go on: {os.strerror(number)}", "system")
    assert not home.exists()


def test_a_missing_torch_is_no_bug(home):
    fault = fault_of(ModuleNotFoundError("No module named 'torch'", name="torch"))

    assert fault.line == "this needs torch, which is not installed; pip install torch"
    assert (fault.code, home.exists()) == ("missing", False)
    assert fault_of(ModuleNotFoundError("No module named 'nothing'", name="nothing")).code == "bug"


def test_any_other_exception_is_a_bug_whose_traceback_is_in_the_log(home):
    fault = fault_of(RuntimeError("can't\nbe"))

    assert (fault.message, fault.code) == (f"internal error: RuntimeError: can't; details are in {home / 'log'}", "bug")
    assert "RuntimeError: can't\nbe" in (home / "log").read_text()


def test_a_bug_is_reported_where_there_is_no_folder_for_the_log(monkeypatch):
    monkeypatch.setenv("SEQSHELL_HOME", "~nosuchuser/home")

    message = fault_of(ZeroDivisionError("by zero")).message

    assert message == "internal error: ZeroDivisionError: by zero; SEQSHELL_DEBUG=1 shows details"
