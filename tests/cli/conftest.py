"""Fixtures of the command line's tests."""

import pytest


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    """A home folder of its own, no plugins, and a temporary working directory."""
    monkeypatch.setenv("SEQSHELL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SEQSHELL_PLUGINS", "")
    monkeypatch.chdir(tmp_path)
