"""Files are written atomically: after a crash, either the old or the new content is there."""

import os
import signal
import time

import pytest

from seqshell.core.atomic_write import write_atomically
from seqshell.core.errors import UsageError


@pytest.fixture
def path(tmp_path):
    return tmp_path / "some.safetensors"


def test_writing_respects_the_umask_keeps_symbolic_links_and_leaves_no_temporary_files(tmp_path):
    (tmp_path / "there").mkdir()
    link = tmp_path / "link.txt"
    link.symlink_to(tmp_path / "there" / "file.txt")
    before = os.umask(0o027)
    try:
        write_atomically(link, b"first")
        write_atomically(str(link), b"second")
    finally:
        os.umask(before)

    assert link.is_symlink()
    assert (tmp_path / "there" / "file.txt").read_bytes() == b"second"
    assert (tmp_path / "there" / "file.txt").stat().st_mode & 0o777 == 0o640
    assert os.listdir(tmp_path / "there") == ["file.txt"]


def test_devices_pipes_and_folders_are_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for target in ("/dev/null", tmp_path, tmp_path / "pipe"):
        with pytest.raises(UsageError, match="it is not a regular file"):
            write_atomically(target, b"")
    with pytest.raises(UsageError, match=r"cannot write .*: No such file"):
        write_atomically(tmp_path / "none" / "file", b"")
    assert os.listdir(tmp_path) == ["pipe"]


def test_a_full_disk_leaves_the_old_file(path):
    """A limit on file size simulates the full disk; Python ignores SIGXFSZ, so the write fails."""
    import resource

    path.write_bytes(b"old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(UsageError, match=r"cannot write .*: File too large"):
            write_atomically(path, b"x" * 100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert path.read_bytes() == b"old"
    assert os.listdir(path.parent) == [path.name]


def test_temporary_files_of_killed_writers_are_removed_after_an_hour(tmp_path):
    for name, age in (("old", 4000), ("young", 10)):
        left = tmp_path / f".seqshell-{name}.tmp"
        left.touch()
        os.utime(left, (time.time() - age,) * 2)
    write_atomically(tmp_path / "file", b"")

    assert sorted(os.listdir(tmp_path)) == [".seqshell-young.tmp", "file"]


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("old", [b"the old content", None])
def test_a_writer_killed_at_any_time_leaves_the_old_or_the_new_file(path, old):
    """A child kills itself before and after the k-th system call of the write, for k = 1, 2, ... until it survives."""
    new = b"the new content" * 1000
    seen = set()
    for k in range(1, 100):
        path.unlink(missing_ok=True)
        if old is not None:
            path.write_bytes(old)
        child = os.fork()
        if child == 0:
            _write_and_die(path, new, k)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert status in (0, -signal.SIGKILL)
        found = path.read_bytes() if path.exists() else None
        assert found in (old, new)
        seen.add(found)
        if status == 0:
            break
    assert k > 14  # open, half a write, flush, fsync, close, replace, open, fsync, close, each before and after
    assert seen == {old, new}


def _write_and_die(path, data, k):
    """In a child process: write, but kill the process at the k-th point before or after a call."""
    points = 0

    def kill_point():
        nonlocal points
        points += 1
        if points == k:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(call):
        def wrapped(*arguments):
            kill_point()
            result = call(*arguments)
            kill_point()
            return result

        return wrapped

    def halving(handle, mode):
        file = real_open(handle, mode)
        whole, close = file.write, file.close

        class Halves:
            __enter__ = lambda self: self  # noqa: E731
            __exit__ = lambda self, *rest: around(close)() and None  # noqa: E731
            fileno = staticmethod(file.fileno)
            flush = staticmethod(around(file.flush))

            def write(self, content):
                whole(content[: len(content) // 2])
                file.flush()
                kill_point()
                whole(content[len(content) // 2 :])

        return Halves()

    real_open = os.fdopen
    os.fdopen = halving
    for name in ("open", "fsync", "replace", "close"):
        setattr(os, name, around(getattr(os, name)))
    try:
        write_atomically(path, data)
    except BaseException:
        os._exit(3)
    os._exit(0)
