"""`seqshell bulk --ray`, where Ray is installed: the bytes of one machine, and the lines of docs/guides/bulk.md."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.bulk_runs import SENTENCES, SHORT, bulk, command
from tests.code_blocks import command_lines, marked

from seqshell.bulk.job import Job
from seqshell.cli import main

pytestmark = pytest.mark.usefixtures("as_many_threads_afterwards")


@pytest.fixture
def ray():
    pytest.importorskip("ray", reason="ray is not installed")


@pytest.mark.usefixtures("ray")
@pytest.mark.slow
def test_two_workers_of_a_ray_cluster_give_the_same_bytes(translator):
    Path("many.txt").write_text("\n".join(SENTENCES * 100))
    bulk(Job("translate", translator, SHORT), "many.txt")
    here = Path("out").read_bytes()
    Path("out").unlink()
    ran = subprocess.run(command(translator, "--workers", "2", "--ray", "local"), capture_output=True, text=True)
    assert ran.returncode == 0
    assert "800 lines written to out, 100 failed" in ran.stderr
    assert Path("out").read_bytes() == here


@pytest.mark.slow
@pytest.mark.usefixtures("ray")
def test_the_lines_of_the_guide_run_on_a_cluster_of_this_machine():
    """With the model that ships in place of one in a shared folder."""
    Path("a.de").write_text("Ein Hund schläft.\nEin Mann liest.\n", encoding="utf-8")
    ((_, text),) = marked("cluster")
    install, words = command_lines(text)
    assert install == ["pip", "install", "seqshell[cluster]"]
    words[words.index("-m") + 1] = "german-english"
    ran = subprocess.run([sys.executable, "-m", *words, "--ray", "local"], check=False)

    assert ran.returncode == 0
    assert Path("a.en").read_text("utf-8") == "A dog sleeps.\nA man is reading.\n"


def test_without_ray_the_error_says_what_to_install(translator, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ray", None)
    Path("a.txt").write_text("the dog\n")
    assert main(["bulk", "translate", "a.txt", "-m", translator, "-o", "out", "--ray", "auto"]) == 2
    assert "--ray needs Ray Data: pip install 'seqshell[cluster]'" in capsys.readouterr().err
    assert not Path("out").exists()
