"""Which BLAS kernels are expected on a processor, and that products are right with those of this machine."""

import os
import subprocess
import sys

import pytest

from seqshell.layers import blas

AVX512 = "fpu sse2 avx2 avx512f avx512cd avx512bw avx512dq avx512vl"
CPUINFO = "processor\t: 0\nmodel name\t: x\nflags\t\t: {}\n\nprocessor\t: 1\nflags\t\t: none\n"


@pytest.mark.parametrize(
    ("flags", "core_type", "expected"),
    [
        (AVX512, None, True),
        ("fpu sse2 avx2", None, False),
        (AVX512, "Haswell", False),  # the environment overrides the processor
        ("fpu sse2 avx2", "SkylakeX", True),
    ],
)
def test_only_avx512_kernels_multiply_small_matrices_directly(flags, core_type, expected, tmp_path, monkeypatch):
    (tmp_path / "cpuinfo").write_text(CPUINFO.format(flags))
    monkeypatch.setattr(blas, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.delenv("OPENBLAS_CORETYPE", raising=False)
    if core_type:
        monkeypatch.setenv("OPENBLAS_CORETYPE", core_type)
    assert blas.has_small_matrix_kernels() is expected


def test_small_matrix_kernels_are_not_assumed_on_an_unknown_processor(tmp_path, monkeypatch):
    monkeypatch.setattr(blas, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.delenv("OPENBLAS_CORETYPE", raising=False)
    assert not blas.has_small_matrix_kernels()


def test_products_are_right_with_this_machines_kernels():
    """In a new process, with the kernels that BLAS selects by itself."""
    code = """
import numpy as np
from seqshell.layers.matmul import matmul
random = np.random.default_rng(0)
for rows in (1, 2, 5, 10, 64):
    for order in "CF":
        matrix = np.asarray(random.normal(size=(512, 2048)), np.float32, order=order)
        values = random.normal(size=(rows, 512)).astype(np.float32)
        assert np.abs(matmul(values, matrix) - values.astype(np.float64) @ matrix).max() < 1e-3, (rows, order)
"""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OPENBLAS")}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert (result.returncode, result.stderr) == (0, "")
