"""How much memory a process can still get: of the machine, within the limits of its control groups, or of a GPU."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path("/")


def free_memory(device: Any = None) -> int | None:
    """Free bytes on a torch device, by default in the main memory; None if the system does not say."""
    if getattr(device, "type", "cpu") == "cuda":
        import torch

        free: int = torch.cuda.mem_get_info(device)[0]
        return free
    return free_main_memory(ROOT)


def free_main_memory(root: Path) -> int | None:
    """Free bytes of the main memory: the least of what the machine and each control group have left.

    root: where /proc and /sys are.
    """
    machine = _available(root)
    found = [*([] if machine is None else [machine]), *_left_in_groups(root)]
    return max(0, min(found)) if found else None


def _available(root: Path) -> int | None:
    """What Linux can give without swapping, caches included; elsewhere, free pages or else all pages."""
    for line in _read(root / "proc/meminfo").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    for pages in ("SC_AVPHYS_PAGES", "SC_PHYS_PAGES"):
        try:
            return os.sysconf(pages) * os.sysconf("SC_PAGE_SIZE")
        except (AttributeError, ValueError, OSError):  # not on this system
            continue
    return None


def _left_in_groups(root: Path) -> Iterator[int]:
    """What is left below the memory limit of the process's control group and of each group above it.

    Versions 2 and 1, see https://docs.kernel.org/admin-guide/cgroup-v2.html. Caches of files can be freed, so they do
    not count.
    """
    for line in _read(root / "proc/self/cgroup").splitlines():
        number, controllers, name = (*line.split(":", 2), "", "")[:3]
        if number == "0" and not controllers:
            base, limit, used, cache = root / "sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"
        elif "memory" in controllers.split(","):
            base = root / "sys/fs/cgroup/memory"
            limit, used, cache = "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"
        else:
            continue
        folder = base / name.strip("/")
        for group in (folder, *folder.parents):
            if not group.is_relative_to(base):
                break
            most, now = _read(group / limit).strip(), _read(group / used).strip()
            if most.isdecimal() and now.isdecimal():
                yield int(most) - int(now) + _cached(group / "memory.stat", cache)


def _cached(path: Path, key: str) -> int:
    values = (line.split() for line in _read(path).splitlines())
    return next((int(words[1]) for words in values if len(words) == 2 and words[0] == key), 0)


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError):
        return ""
