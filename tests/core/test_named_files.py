"""What a user names: resolved and opened, or refused with one clear line."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

import pytest

from seqshell.core import named_files, paths
from seqshell.core.atomic_write import write_atomically
from seqshell.core.errors import CheckpointError, RecipeError, UsageError
from seqshell.core.named_files import MAX_SHOWN, MAX_UNSIZED, named_path, opened, output_file, read_bytes, shown_name


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("~nosuchuser/a", "cannot use ~nosuchuser/a: there is no user nosuchuser; for a file of that name, write "),
        ("a\0b", "cannot use a^@b: it has a null character"),
        ("~\0", "cannot use ~^@: it has a null character"),
        ("\ud800", "cannot use \ufffd: it has a character that no file name can have"),
        ("a\n" + "b" * 256, "cannot use a^J" + "b" * 96 + "…" + "b" * 100 + ": File name too long"),
    ],
)
def test_a_name_that_no_file_can_have_is_refused_in_the_error_class_of_the_caller(folder, name, message):
    for kind in (UsageError, CheckpointError, RecipeError):
        with pytest.raises(kind, match=f"^{re.escape(message)}"):
            named_path(name, error=kind)


def test_a_name_is_resolved_in_its_folder_and_may_be_missing(folder, monkeypatch):
    monkeypatch.setenv("HOME", "/somewhere")
    assert named_path("a", Path("b")) == Path("b/a")
    assert named_path("~/a", Path("b")) == Path("/somewhere/a")
    assert named_path("/a", Path("b")) == Path("/a")
    (folder / "file").write_text("")
    assert not named_path("file/below").exists()


def test_a_long_name_is_shortened_in_the_middle(folder):
    assert shown_name("a/b.txt") == "a/b.txt"
    assert shown_name("a" * MAX_SHOWN) == "a" * MAX_SHOWN
    assert shown_name("a" * MAX_SHOWN + "b" * 100) == "a" * 99 + "…" + "b" * 100


def test_only_regular_files_that_end_are_read(folder):
    (folder / "a").write_bytes(b"abc")
    assert read_bytes("a") == b"abc"
    assert read_bytes(folder / "a", most=3) == b"abc"
    with pytest.raises(UsageError, match="a has 3 bytes; at most 2 are read"):
        read_bytes("a", most=2)
    os.mkfifo("pipe")
    for name in ("pipe", "/dev/zero", os.devnull):
        with pytest.raises(UsageError, match="is not a regular file"):
            read_bytes(name)
    with pytest.raises(UsageError, match=r"\. is a folder"):
        read_bytes(".")
    with pytest.raises(UsageError, match="cannot read none: No such file or directory"):
        read_bytes("none")
    with opened(os.devnull, stream=True) as file:
        assert file.read() == b""
    with pytest.raises(UsageError, match="/dev/zero is not a regular file"), opened("/dev/zero", stream=True):
        pass


@pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="files that Linux makes up")
def test_files_without_a_size_are_read_up_to_a_limit():
    assert read_bytes("/proc/self/cmdline") == Path("/proc/self/cmdline").read_bytes() != b""
    with pytest.raises(UsageError, match="/proc/self/pagemap is not a file with an end"):
        read_bytes("/proc/self/pagemap")
    with pytest.raises(UsageError, match="cannot read /proc/self/mem: Input/output error"):
        read_bytes("/proc/self/mem")
    assert MAX_UNSIZED < 10_000_000


def test_no_descriptor_stays_open_after_a_file_was_refused(folder):
    (folder / "a").write_text("a")
    before = os.listdir("/proc/self/fd") if os.path.exists("/proc/self/fd") else []
    for name in (".", "/dev/zero", "a", "none"):
        with contextlib.suppress(UsageError):
            read_bytes(name)
    assert (os.listdir("/proc/self/fd") if before else []) == before


def test_a_place_to_write_is_checked_before_the_work(folder):
    (folder / "a").write_text("")
    assert output_file("a") == Path("a")
    assert output_file("b") == Path("b")
    assert output_file("./-") == Path("-")
    with pytest.raises(UsageError, match=r"^cannot write to -: name a file "):
        output_file("-")
    for name, message in {
        ".": "cannot write .: it is a folder",
        "/dev/null": "cannot write /dev/null: it is not a regular file",
        "c/a": "cannot write c/a: there is no folder c",
        "a/b": "cannot write a/b: there is no folder a",
    }.items():
        with pytest.raises(RecipeError, match=f"^{re.escape(message)}$"):
            output_file(name, RecipeError)


@pytest.mark.parametrize("chosen", ["~nosuchuser/home", "a" * 300])
def test_a_home_that_cannot_be_is_one_line_with_the_way_out(monkeypatch, chosen):
    monkeypatch.setenv("SEQSHELL_HOME", chosen)
    with pytest.raises(UsageError, match="no folder for models, sessions and settings: cannot use ") as found:
        paths.home()
    assert found.value.hint == "set SEQSHELL_HOME to one"


def test_a_user_without_a_home_is_told_so(monkeypatch):
    for name in ("HOME", "SEQSHELL_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", lambda number: {}[number])  # a number that the system does not know
    with pytest.raises(UsageError, match=r"no folder for models, sessions and settings: .*there is no home folder"):
        paths.home()


OPENING = re.compile(
    r"\.expanduser\(|\.read_bytes\(|\.read_text\((?:\)|.?utf|encod)|(?<![\w.])open\(|\b(path|file|os)\.open\("
)
# Modules that open files which no user names, or write them: our own ones, the system's, and what was checked before.
OTHERS = {
    "core/atomic_write.py": "writes a temporary file",
    "cli/completion.py": "reads our templates",
    "cli/plugin_templates.py": "reads our templates",
    "cli/processes.py": "opens /dev/null",
    "cli/program.py": "opens /dev/null",
    "cli/script.py": "opens /dev/null",
    "host/entry_points.py": "reads installed distributions",
    "kernels/batches/team.py": "reads our source",
    "kernels/cache.py": "reads our source, and our own files as `read` checks them",
    "layers/blas.py": "reads /proc/cpuinfo",
    "models/exporting.py": "writes a program that reads its own files",
    "shell/commands/lesson.py": "reads our lessons",
    "shell/commands/record.py": "writes where output_file allows",
    "shell/commands/tour.py": "reads our tour",
    "shell/failures.py": "writes the log",
    "terminal/history.py": "appends to the history",
    "training/data/array_store.py": "reads texts that were checked before, and our own files with a checksum",
    "training/data/dialogues.py": "reads an installed package",
    "training/data/python_code.py": "reads the sources of Python's library",
    "training/free_memory.py": "reads /proc and /sys",
}


def test_no_other_module_opens_what_a_user_names():
    """A new call belongs in named_files, or its module with a reason in the list above."""
    root = Path(named_files.__file__).parents[1]
    found = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        for line in path.read_text("utf-8").splitlines()
        if OPENING.search(line.partition("#")[0]) and "def " not in line and "self." not in line
    }

    assert found - OTHERS.keys() - {"core/named_files.py"} == set()


def test_a_session_is_not_saved_under_a_name_that_no_file_can_have(folder):
    for name in ("a\0b", "~nosuchuser/a", "a" * 300):
        with pytest.raises(UsageError, match="cannot use "):
            write_atomically(name, b"")
