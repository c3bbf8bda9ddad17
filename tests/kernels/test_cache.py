"""The file of the compiled kernels: what is loaded, what is refused, and when it is made again."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from seqshell.kernels import background, cache, compile, loading
from seqshell.kernels.background import Compilation, is_needed
from seqshell.kernels.cache import NotCompiled


@pytest.fixture
def own(object_code, tmp_path, monkeypatch):
    """A file of object code in a folder of this test."""
    monkeypatch.delenv("NUMBA_DISABLE_JIT")
    folder = tmp_path / "cache" / "kernels"
    monkeypatch.setattr(cache, "folder", lambda: folder)
    folder.mkdir(parents=True)
    file = cache.path()
    cache.write(file, cache.read(object_code))
    return file


def refused():
    """Why the kernels cannot be loaded."""
    with pytest.raises(NotCompiled) as caught:
        loading.kernels()
    return str(caught.value)


def test_object_code_is_loaded_without_importing_numba(own):
    code = f"""
import sys
from seqshell.kernels import cache, loading
from seqshell.kernels.compile import try_out
cache.folder = lambda: __import__("pathlib").Path({str(own.parent)!r})
try_out(loading.kernels())
print(sorted({{"numba", "torch"}} & sys.modules.keys()))
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"


def test_the_object_code_needs_no_symbol_of_a_library(own):
    from llvmlite import binding

    symbols = binding.ObjectFileRef.from_data(cache.read(own))
    assert [section.name() for section in symbols.sections() if section.is_text()]
    loading.load(cache.read(own))  # would end the process
    assert not is_needed()


def test_a_damaged_file_is_not_loaded_and_made_again(own):
    whole = own.read_bytes()
    for damaged in (whole[:-1], whole[:40], b"", whole[:100] + bytes([whole[100] ^ 1]) + whole[101:]):
        own.write_bytes(damaged)
        assert refused() == f"{own} is damaged"
        assert is_needed()
    own.write_bytes(whole)
    assert not is_needed()


def test_a_file_that_others_may_write_or_own_is_not_loaded(own, monkeypatch):
    own.chmod(0o620)
    assert refused() == f"{own} may be written by another user"
    own.chmod(0o600)
    monkeypatch.setattr(os, "getuid", lambda: own.stat().st_uid + 1)
    assert refused() == f"{own} may be written by another user"
    monkeypatch.undo()
    monkeypatch.delenv("NUMBA_DISABLE_JIT")
    monkeypatch.setattr(cache, "folder", lambda: own.parent)
    moved = own.rename(own.with_suffix(".elsewhere"))
    own.symlink_to(moved)
    assert refused().startswith(f"{own} cannot be read")


def test_the_file_of_another_processor_or_version_is_not_loaded(own, monkeypatch):
    from llvmlite import binding

    monkeypatch.setattr(binding, "get_host_cpu_name", lambda: "another")
    assert cache.path() != own
    assert refused() == "not compiled yet"
    assert is_needed()


def test_without_a_place_or_a_library_nothing_is_compiled_and_the_reason_is_told(own, monkeypatch, tmp_path):
    monkeypatch.setattr(cache, "folder", lambda: tmp_path / "file" / "kernels")
    (tmp_path / "file").touch()
    assert (refused(), is_needed()) == (f"{tmp_path}/file/kernels cannot be written", False)
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    assert (refused(), is_needed()) == ("NUMBA_DISABLE_JIT is set", False)
    monkeypatch.delenv("NUMBA_DISABLE_JIT")
    find = cache.importlib.util.find_spec
    monkeypatch.setattr(cache.importlib.util, "find_spec", lambda name: None if name == "numba" else find(name))
    assert (refused(), is_needed()) == ("numba is not installed", False)


def test_a_failure_is_told_and_not_repeated_the_same_day(own, monkeypatch):
    own.unlink()
    monkeypatch.setattr(compile, "object_code", lambda: 1 / 0)
    with pytest.raises(NotCompiled, match="ZeroDivisionError"):
        compile.compile_to(own)
    assert refused() == "the compilation failed: ZeroDivisionError: division by zero"
    assert not is_needed()
    yesterday = time.time() - background.RETRY - 1
    os.utime(cache.failure(own), (yesterday, yesterday))
    assert is_needed()


def test_a_second_compilation_waits_for_the_first_and_replaces_it_if_it_was_killed(own, monkeypatch):
    code = cache.read(own)
    own.unlink()
    script = f"""
import os, signal
from seqshell.kernels import cache, compile
compile.object_code = lambda: print("compiling", flush=True) or signal.pause()
compile.compile_to(cache.Path({str(own)!r}))
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"compiling\n"
        monkeypatch.setattr(compile, "object_code", lambda: code)
        second = threading.Thread(target=compile.compile_to, args=(own,))
        second.start()
        second.join(0.2)
        assert second.is_alive()
        assert (refused(), is_needed()) == ("not compiled yet", True)
        process.send_signal(signal.SIGKILL)
    second.join(10)
    assert cache.read(own) == code
    assert not is_needed()
    monkeypatch.setattr(compile, "object_code", lambda: 1 / 0)
    assert compile.compile_to(own) == 0  # there is object code


def test_the_shell_starts_a_compilation_once_and_shows_how_it_ends(own, monkeypatch):
    ended = []
    compilation = Compilation(lambda: ended.append(compilation.news))
    assert (compilation.start(), compilation.news) == (False, "")  # there is object code
    own.unlink()
    monkeypatch.setattr(sys, "executable", "/bin/false")
    assert compilation.start()
    assert not compilation.start()
    compilation.wait()
    assert ended == ["compilation failed: /info"]
    monkeypatch.setattr(background, "SHOWN", -1)
    assert compilation.news == ""
    monkeypatch.setattr(sys, "executable", "/no/such/program")
    assert not Compilation().start()
