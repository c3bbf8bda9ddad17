"""Run a kernel in torch's own threads: with others, torch's would spin for a while and take their cores."""

from __future__ import annotations

import ctypes
import hashlib
import os
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from seqshell.core import paths
from seqshell.kernels.batches import words
from seqshell.kernels.cache import DISABLED


def available(half: bool) -> bool:
    """Whether the kernels run here, and faster than torch's: with AVX-512, in bf16 only without matrix registers."""
    return os.environ.get(DISABLED, "0") in ("", "0") and _is_able(half)


@cache
def _is_able(half: bool) -> bool:
    try:
        import numba  # noqa: F401  # which compiles them
        from llvmlite import binding
    except (ImportError, OSError):
        return False
    features = binding.get_host_cpu_features()
    return (
        os.name == "posix"
        and bool(features.get("avx512f"))
        and hasattr(ctypes.CDLL(None), "GOMP_parallel")  # torch is loaded, and with the threads of GNU OpenMP
        and (not half or bool(features.get("avx512bf16") and not features.get("amx-bf16")))
    )


def run(cell: str, direction: str, half: bool, shares: int, call: Mapping[int, Any]) -> None:
    """Run a kernel with the words of a call; a tensor is the address of its data, None 0."""
    block = np.zeros(words.WORDS, np.int64)
    block[words.SHARES] = shares
    for index, value in call.items():
        block[index] = 0 if value is None else value if isinstance(value, int) else value.data_ptr()
    kernel = _kernel(cell, f"{cell}_{direction}_half" if half else f"{cell}_{direction}")
    _parallel()(ctypes.c_void_p(kernel.address), ctypes.c_void_p(block.ctypes.data), shares, 0)


@cache
def _parallel() -> Any:
    """The function of GNU OpenMP that calls a kernel in each of torch's threads."""
    return ctypes.CDLL(None).GOMP_parallel


@cache
def _kernel(cell: str, name: str) -> Any:
    """The compiled kernel, which numba keeps for other processes."""
    from numba import cfunc, config

    module = import_module(f"seqshell.kernels.batches.{cell}")
    before, config.CACHE_DIR = config.CACHE_DIR, str(_cache_folder())
    try:
        return cfunc("void(int64)", cache=True)(getattr(module, name))
    finally:
        config.CACHE_DIR = before


@cache
def _cache_folder() -> Path:
    """A folder for this version of all sources of the kernels: numba looks at the date of one file only.

    In the folder of an installed wheel, its files would stay when the wheel is uninstalled.
    """
    here = Path(__file__).parent
    digest = hashlib.sha256()
    for file in sorted([*here.glob("*.py"), here.with_name("lanes.py")]):
        digest.update(file.read_bytes())
    own = here / "__pycache__"
    folder = own if os.access(own, os.W_OK) and not paths.is_from_wheel() else paths.cache() / "kernels"
    return folder / f"batches-{digest.hexdigest()[:16]}"
