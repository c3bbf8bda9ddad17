"""plugins/README.md, followed literally: its files are saved, its commands run, and the model that comes out talks."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from seqshell.checkpoint import read_header

TUTORIAL = Path(__file__).parents[2] / "plugins" / "README.md"
BLOCK = re.compile(r"<!-- (file \S+|shell) -->\n```\w*\n(.*?)```", re.DOTALL)


@pytest.fixture
def followed(tmp_path):
    """The folder of a reader who saved every file and ran every command, and what the last one printed."""
    (tmp_path / "input.txt").write_text("The cat sat on the mat. The dog sat on the log.\n" * 200, encoding="utf-8")
    environment = {**os.environ, "SEQSHELL_HOME": str(tmp_path / "home"), "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    printed = ""
    for kind, text in BLOCK.findall(TUTORIAL.read_text(encoding="utf-8")):
        if kind != "shell":
            (tmp_path / kind.split()[1]).write_text(text, encoding="utf-8")
            continue
        for command in text.splitlines():
            done = subprocess.run([shutil.which("bash"), "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            printed = done.stdout
    return tmp_path, printed


def test_the_tutorial_brings_an_architecture_and_a_sampler_that_train_and_chat(followed):
    folder, printed = followed

    assert len((folder / "srn.py").read_text().splitlines()) <= 40
    header = read_header(folder / "mine.safetensors")
    assert (header["architecture"], header["owner"]) == ("srn", "srn")  # the reader's own, no built-in one
    answer = printed.strip("\n")
    assert len(answer) >= 20
    assert set(answer) <= set("The cat sat on the mat. The dog sat on the log.\n")
