"""Training in several processes: the same weights as in one, whatever the task."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from tests.training import rank_cases

from seqshell.training.resume import read_resume

PAGE = Path(__file__).parents[2] / "docs" / "distributed.md"
OTHERS = ("own module", "too few rows", "taught", "taught labels", "large translate", "large classify", "bf16")
Results = dict[str, dict[str, torch.Tensor]]


def environment(rank: int, port: int) -> dict[str, str]:
    """What torchrun sets, for the two processes of one machine."""
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    return os.environ | place | {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ranks")


@pytest.fixture(scope="module")
def ranks(folder: Path) -> Iterator[list[subprocess.Popen[str]]]:
    """Two processes that run rank_cases.py together."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    command, root = [sys.executable, "-m", "tests.training.rank_cases", str(folder)], Path(__file__).parents[2]
    started = [
        subprocess.Popen(command, cwd=root, env=environment(rank, port), stderr=subprocess.PIPE, text=True)
        for rank in (0, 1)
    ]
    yield started
    for each in started:
        each.kill()
        each.communicate()


@pytest.fixture(scope="module")
def both(folder: Path, ranks: list[subprocess.Popen[str]]) -> tuple[Results, Results]:
    """The results of one process, and of two that train together."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    one = rank_cases.results(folder / "one")
    torch.set_num_threads(threads)
    wait_for(folder / "two.pt", ranks)
    return one, torch.load(folder / "two.pt")


def wait_for(path: Path, ranks: list[subprocess.Popen[str]]) -> None:
    """Wait until the processes have written a file."""
    while not path.exists() or not path.stat().st_size:
        assert all(each.poll() is None for each in ranks)
        time.sleep(0.05)


@pytest.mark.parametrize("case", [*rank_cases.DATA, *OTHERS])
def test_two_processes_train_as_one_does(both: tuple[Results, Results], case: str) -> None:
    """Over 20 updates with AdamW or SGD, clipping, averaged weights, streams that begin anew, and a carried state."""
    one, two = (results[case] for results in both)
    assert one.keys() == two.keys()
    tolerance = 1e-5 if case != "bf16" else 1e-2  # the sums over the rows of a batch are rounded to 8 bits
    for name, expected in one.items():
        torch.testing.assert_close(
            two[name], expected, rtol=tolerance, atol=tolerance, msg=lambda text, n=name: f"{n}: {text}"
        )


def test_two_processes_resume_bit_for_bit(both: tuple[Results, Results]) -> None:
    whole, resumed = (both[1][name] for name in ("whole", "resumed"))
    for name, expected in whole.items():
        assert torch.equal(resumed[name], expected), name


def test_a_signal_ends_all_processes_and_a_killed_one_is_named(
    folder: Path, ranks: list[subprocess.Popen[str]], both: tuple[Results, Results]
) -> None:
    checkpoint, resume_file = folder / "long.safetensors", folder / "long.run" / "resume.safetensors"
    wait_for(resume_file, ranks)
    ranks[1].terminate()
    for rank in (0, 1):
        wait_for(folder / f"code{rank}", ranks)
        assert (folder / f"code{rank}").read_text() == "143"
    assert checkpoint.exists()

    stopped_at, changed = read_resume(resume_file)[0]["place"]["step"], resume_file.stat().st_mtime_ns
    while resume_file.stat().st_mtime_ns == changed:  # until the second training has saved, too
        time.sleep(0.05)
    ranks[1].kill()
    ranks[1].wait()
    line = ranks[0].communicate(timeout=30)[1].splitlines()[-1]
    (shown,) = re.findall(r"<!-- message -->\n```\n(.*)\n```", PAGE.read_text("utf-8"))
    assert line == shown.replace("mine.safetensors", str(checkpoint))
    assert ranks[0].returncode == 1
    assert read_resume(resume_file)[0]["place"]["step"] > stopped_at
    assert not list(folder.glob(".seqshell-*"))
