"""A short version of each campaign in tests/campaigns/, and the workers that all of them use."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Campaign -> the number of its cases here; it takes a few seconds.
COUNTS: dict[str, int] = {
    "checkpoints": 100,
    "files": 50,
    "imports": 16,
    "kills": 8,
    "lines": 14,
    "machine": 10,
    "signals": 8,
    "soak": 1,
    "plugins": 16,
}

FAULTS = """
import os, random, signal, sys, time
from tests.campaigns.campaign import Campaign

def check(draws, folder):
    draw = draws.random()
    fault = os.environ["FAULT"]
    if draw < 0.5:
        return None
    if fault == "reason":
        return f"drew {draw:.3f}"
    if fault == "raises":
        raise ValueError("no such thing")
    if fault == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if fault == "exits":
        os._exit(3)
    if fault == "hang":
        time.sleep(60)
    if fault == "memory":
        bytearray(2**31)
    if fault == "prints":
        print("careless", file=sys.stderr)

CAMPAIGN = Campaign("faults", "nothing fails", check, seconds=0.3)
sys.exit(CAMPAIGN.main())
"""


def campaign(*arguments: str, **environment: str) -> tuple[int, dict[str, object]]:
    done = subprocess.run(
        [sys.executable, *arguments, "--json"],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    return done.returncode, json.loads(done.stdout)


def test_every_campaign_is_tested_here():
    scripts = (ROOT / "tests" / "campaigns").glob("*.py")
    assert {path.stem for path in scripts if "\nCAMPAIGN = " in path.read_text("utf-8")} == set(COUNTS)


@pytest.mark.slow
@pytest.mark.parametrize("name", COUNTS)
def test_a_short_campaign_keeps_its_promise(name):
    code, report = campaign("-m", f"tests.campaigns.{name}", "--seed", "1", "--count", str(COUNTS[name]))

    assert report["failures"] == []
    assert (code, report["name"], report["count"]) == (0, name, COUNTS[name])


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("reason", "drew 0."),
        ("raises", "ValueError: no such thing"),
        ("crash", "killed by SIGSEGV"),
        ("exits", "the process ended with code 3"),
        ("hang", "not finished after 0.3 s"),
        ("memory", "MemoryError"),
        ("prints", "it printed careless"),
    ],
)
def test_a_case_that_fails_is_reported_and_the_campaign_continues(fault, reason, tmp_path):
    """Seed 1 draws more than 0.5 for two of the first five cases."""
    code, report = campaign("-c", FAULTS, "--seed", "1", "--count", "5", "--jobs", "2", FAULT=fault)

    assert (code, report["count"]) == (1, 5)
    assert [each["case"] for each in report["failures"]] == [0, 4]
    assert all(each["reason"].startswith(reason) for each in report["failures"])


def test_a_case_is_repeated_alone():
    _, all_cases = campaign("-c", FAULTS, "--seed", "1", "--count", "5", FAULT="reason")
    last = all_cases["failures"][-1]

    code, report = campaign("-c", FAULTS, "--seed", "1", "--only", str(last["case"]), FAULT="reason")

    assert (code, report["failures"]) == (1, [last])
