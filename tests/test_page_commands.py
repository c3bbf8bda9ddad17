"""Commands of docs/ that need a checkout or compiled steps: tests run them, with smaller numbers where they take long.

An option that is repeated replaces the one before it, so the smaller numbers come after the words of the page.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from tests.code_blocks import marked

from seqshell.cli import main
from seqshell.kernels import compile

ROOT = Path(__file__).parents[1]
SMALLER = {
    "tests.campaigns.lines": ["--count", "2"],
    "tests/benchmarks/compare_cells.py": (
        ["--parameters", "4000", "--updates", "1", "--seconds", "0", "--characters", "300", "--only", "gru"]
    ),
}
# Runs several command lines of python in one process, given as JSON on stdin. Prints what they return.
TOGETHER = """
import json, runpy, sys
codes = []
for words in json.load(sys.stdin):
    is_module = words[0] == "-m"
    sys.argv = words[is_module:]
    try:
        (runpy.run_module if is_module else runpy.run_path)(sys.argv[0], run_name="__main__")
        codes.append(0)
    except SystemExit as error:
        codes.append(error.code)
    print(flush=True)
print(json.dumps(codes))
"""


def commands(kind):
    """The words of each command in the blocks of a kind, without comments."""
    lines = [line for _, text in marked(kind) for line in text.splitlines()]
    return [shlex.split(line, comments=True) for line in lines]


def test_commands_for_a_checkout_run(tmp_path):
    found = commands("checkout")
    targets = [words[2] if words[1] == "-m" else words[1] for words in found]
    (tmp_path / "input.txt").write_text("The cat sat on the mat. The dog sat on the log.\n" * 100, "utf-8")
    lines = [
        [*(str(ROOT / word) if word.endswith(".py") else word for word in words[1:]), *SMALLER[target]]
        for words, target in zip(found, targets, strict=True)
    ]
    run = subprocess.run(
        [sys.executable, "-c", TOGETHER],
        input=json.dumps(lines),
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )

    assert run.returncode == 0, run.stderr
    *outputs, codes = run.stdout.strip().split("\n\n")
    assert json.loads(codes) == [0] * len(found)
    assert all(words[0] == "python" for words in found)
    shown = "\n".join(outputs)
    assert "2 of 2" in shown
    assert "1 of 1" in shown
    assert '"failures":' in shown
    assert "| gru |" in shown


@pytest.mark.usefixtures("compiled")
def test_commands_with_compiled_steps_run(capsys, monkeypatch):
    shown = []
    for words in commands("compiled"):
        with monkeypatch.context() as patch:
            while "=" in words[0]:
                patch.setenv(*words.pop(0).split("="))
            if words[:3] == ["python", "-m", "seqshell.kernels.compile"]:
                assert compile.main() == 0  # which finds that it has been done
                continue
            assert words.pop(0) == "seqshell"
            assert main([*words, "-c", "/info"]) == 0
        shown.append(capsys.readouterr().out)

    assert len(shown) == 2
    assert "NUMBA_DISABLE_JIT" in shown[0]
    assert "int8" in shown[1]
