"""Which matrix kernels numpy's BLAS uses on this processor."""

from __future__ import annotations

import os
from pathlib import Path

AVX512 = frozenset({"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"})
AVX512_KERNELS = frozenset({"skylakex", "cooperlake", "sapphirerapids"})  # OpenBLAS's names
CPUINFO = Path("/proc/cpuinfo")
FIRST_PROCESSOR = 16_384  # bytes of CPUINFO that contain the first processor


def has_small_matrix_kernels() -> bool:
    """True if OpenBLAS multiplies small matrices without repacking them, which only its AVX-512 kernels do.

    OpenBLAS selects its kernels by the processor's instruction sets, which are read from Linux's /proc/cpuinfo (on
    other systems the answer is False). The environment variable OPENBLAS_CORETYPE overrides that choice.
    """
    core_type = os.environ.get("OPENBLAS_CORETYPE", "")
    return core_type.lower() in AVX512_KERNELS if core_type else _instruction_sets() >= AVX512


def _instruction_sets() -> frozenset[str]:
    try:
        with CPUINFO.open(encoding="ascii", errors="replace") as file:
            text = file.read(FIRST_PROCESSOR)
    except OSError:
        return frozenset()
    flags = next((line for line in text.splitlines() if line.startswith("flags")), "")
    return frozenset(flags.partition(":")[2].split())
