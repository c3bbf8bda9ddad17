"""Fixtures for the tests of the command line."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def in_folder(folder):
    """All of them run in an empty current folder."""
