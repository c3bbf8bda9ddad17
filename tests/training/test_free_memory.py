"""How much memory is free: the machine's, within the limits of control groups."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from seqshell.training.free_memory import free_main_memory, free_memory

MEMINFO = "MemTotal:       8000000 kB\nMemFree:         100000 kB\nMemAvailable:   6000000 kB\n"


def system(root: Path, **files: str) -> Path:
    """A folder with the files of a Linux system; in their names, __ is a slash."""
    for name, text in {"proc__meminfo": MEMINFO, **files}.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_caches_of_the_machine_are_free(tmp_path: Path) -> None:
    assert free_main_memory(system(tmp_path)) == 6_000_000 * 1024


def test_the_tightest_control_group_counts(tmp_path: Path) -> None:
    root = system(tmp_path, proc__self__cgroup="0::/user/job\n")
    job, user = root / "sys/fs/cgroup/user/job", root / "sys/fs/cgroup/user"
    job.mkdir(parents=True)
    for folder, limit, used in ((job, "max", 500), (user, "3000000", 1_000_000)):
        (folder / "memory.max").write_text(f"{limit}\n")
        (folder / "memory.current").write_text(f"{used}\n")
        (folder / "memory.stat").write_text("anon 400\ninactive_file 250000\n")

    assert free_main_memory(root) == 3_000_000 - 1_000_000 + 250_000


def test_a_container_sees_its_limit_at_the_root(tmp_path: Path) -> None:
    root = system(tmp_path, proc__self__cgroup="4:cpu,memory:/docker/abc\n1:cpu:/\n")
    base = root / "sys/fs/cgroup/memory"
    base.mkdir(parents=True)
    (base / "memory.limit_in_bytes").write_text("1000000\n")
    (base / "memory.usage_in_bytes").write_text("1500000\n")
    (base / "memory.stat").write_text("total_inactive_file 100\n")

    assert free_main_memory(root) == 0


def test_elsewhere_the_pages_of_the_system_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "os.sysconf", lambda name: {"SC_PHYS_PAGES": 1000, "SC_PAGE_SIZE": 4096}.get(name) or _missing()
    )

    assert free_main_memory(tmp_path) == 4_096_000


def test_a_system_that_says_nothing_has_unknown_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sysconf", lambda name: _missing())

    assert free_main_memory(tmp_path) is None


def test_this_machine_has_free_memory() -> None:
    assert (free_memory(torch.device("cpu")) or 1) > 0


def _missing() -> int:
    raise ValueError("unrecognized configuration name")
