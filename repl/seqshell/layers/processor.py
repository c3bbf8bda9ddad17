"""What numpy's BLAS is good at on this processor."""

from __future__ import annotations

import os
from pathlib import Path

WIDE = frozenset({"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"})
WIDE_KERNELS = frozenset({"skylakex", "cooperlake", "sapphirerapids"})  # OpenBLAS's for AVX-512
CPUINFO = Path("/proc/cpuinfo")
START = 16_384  # bytes of it that hold the first processor


def has_small_kernels() -> bool:
    """Whether small matrices are multiplied as they lie in memory. OpenBLAS does so where its kernels are those for AVX-512.

    It chooses them by the instruction sets, which Linux tells; elsewhere they are not asked for. OPENBLAS_CORETYPE says otherwise.
    """
    told = os.environ.get("OPENBLAS_CORETYPE", "")
    return told.lower() in WIDE_KERNELS if told else _instruction_sets() >= WIDE


def _instruction_sets() -> frozenset[str]:
    try:
        with CPUINFO.open(encoding="ascii", errors="replace") as file:
            text = file.read(START)
    except OSError:
        return frozenset()
    flags = next((line for line in text.splitlines() if line.startswith("flags")), "")
    return frozenset(flags.partition(":")[2].split())
