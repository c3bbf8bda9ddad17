import os
import subprocess
import sys

import pytest

from seqshell.layers import processor

WIDE = "fpu sse2 avx2 avx512f avx512cd avx512bw avx512dq avx512vl"
CPUINFO = "processor\t: 0\nmodel name\t: x\nflags\t\t: {}\n\nprocessor\t: 1\nflags\t\t: none\n"


@pytest.mark.parametrize(
    ("flags", "told", "small"),
    [
        (WIDE, None, True),
        ("fpu sse2 avx2", None, False),
        (WIDE, "Haswell", False),  # what the environment says stands
        ("fpu sse2 avx2", "SkylakeX", True),
    ],
)
def test_small_kernels_are_those_for_wide_vectors(flags, told, small, tmp_path, monkeypatch):
    (tmp_path / "cpuinfo").write_text(CPUINFO.format(flags))
    monkeypatch.setattr(processor, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.delenv("OPENBLAS_CORETYPE", raising=False)
    if told:
        monkeypatch.setenv("OPENBLAS_CORETYPE", told)
    assert processor.has_small_kernels() is small


def test_a_machine_that_tells_nothing_has_none(tmp_path, monkeypatch):
    monkeypatch.setattr(processor, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.delenv("OPENBLAS_CORETYPE", raising=False)
    assert not processor.has_small_kernels()


def test_the_kernels_of_this_machine_multiply_right():
    """In a process of its own, with the kernels that BLAS chooses by itself."""
    code = """
import numpy as np
from seqshell.layers.products import product
random = np.random.default_rng(0)
for rows in (1, 2, 5, 10, 64):
    for order in "CF":
        matrix = np.asarray(random.normal(size=(512, 2048)), np.float32, order=order)
        values = random.normal(size=(rows, 512)).astype(np.float32)
        assert np.abs(product(values, matrix) - values.astype(np.float64) @ matrix).max() < 1e-3, (rows, order)
"""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OPENBLAS")}
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert (ran.returncode, ran.stderr) == (0, "")
