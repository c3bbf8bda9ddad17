"""Fixtures and settings for all tests: no test sees the user's own models, recipes, configuration or plugins."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from tests.command_schema import checked

from seqshell.cli import progress
from seqshell.core.plugin_guard import OWNER
from seqshell.host import Policy, Registry
from seqshell.host.builtin import load_registry

# The time that an example takes depends on the machine more than on the code.
settings.register_profile("seqshell", deadline=None)
settings.load_profile("seqshell")

# Programs started with nohup or in the background ignore signals; tests and their child processes would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
for number in (signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_DFL)

# For fixtures of modules and sessions, too, which are made before the first `home`.
for variable in ("SEQSHELL_DEBUG", "SEQSHELL_SLOW_SCAN", "SEQSHELL_STRICT_PLUGINS"):
    os.environ.pop(variable, None)
os.environ["OMP_NUM_THREADS"] = "1"  # models as small as these are slower in several threads
os.environ |= {"SEQSHELL_HOME": "/dev/null/none", "SEQSHELL_PLUGINS": ""}
os.environ["NUMBA_DISABLE_JIT"] = "1"  # nothing is compiled, and compiled steps are not used, but with `compiled`

# Every object that a subcommand prints with --json is compared with its schema.
progress.print_json = checked(progress.print_json)

# What tests write need not survive a power failure, and a disk may take 10 ms to say that it has it.
os.fsync = lambda handle: None


COMPILERS = "tests/kernels/test_cache.py"  # the first file that needs the compiled kernels
# Fixtures that build packages, and the files of the tests with them. What was built serves all tests of one process.
BUILDING = {"environment", "built"}
BUILDERS = tuple(
    f"tests/{file}.py"
    for file in (
        "plugins/test_distributions",
        "plugins/test_new",
        "plugins/test_plugin_pages",
        "plugins/test_tutorial",
        "test_packaging",
    )
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that build and install packages as slow, and let the files with slow tests come first.

    With pytest-xdist, a long file that starts last would run alone while the other processes are idle. One process
    compiles the kernels at once, so that no other one waits for them.
    """
    for item in items:
        if BUILDING.intersection(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)
            assert item.nodeid.startswith(BUILDERS), f"add the file of {item.nodeid} to BUILDERS"
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(
        key=lambda item: (
            not item.nodeid.startswith(COMPILERS),
            not item.nodeid.startswith(BUILDERS),
            item.path not in slow,
        )
    )


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With pytest-xdist, run the tests of a file in one process, and those that build packages."""
    from xdist.scheduler import LoadScopeScheduling

    config.option.loadscopereorder = False  # by number of tests

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return "builders" if nodeid.startswith(BUILDERS) else nodeid.partition("::")[0]

    return Scheduling(config, log)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder, SEQSHELL_HOME, which does not exist yet. SEQSHELL_PLUGINS is empty: no third-party plugins."""
    home = tmp_path / "home"
    monkeypatch.setenv("SEQSHELL_HOME", str(home))
    return home


@pytest.fixture(autouse=True)
def _forget_owner() -> Iterator[None]:
    """A plugin that is an object of a test would stay the owner of all tests."""
    yield
    vars(sys.modules.get("tests", os)).pop(OWNER, None)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, empty; `home` does not exist in it yet."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def numba_installed() -> None:
    """Tests are skipped where numba is not installed. Where it is, they fail if it cannot be imported or compile."""
    if find_spec("numba") is None:
        pytest.skip("numba is not installed")


@pytest.fixture(scope="session")
def object_code(numba_installed: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of the compiled kernels, made once for all processes of a test run."""
    from filelock import FileLock

    from seqshell.kernels import cache, compile

    shared = tmp_path_factory.getbasetemp()
    shared = shared.parent if "PYTEST_XDIST_WORKER" in os.environ else shared
    del os.environ["NUMBA_DISABLE_JIT"]  # before numba is imported
    try:
        file = shared / "kernels" / cache.path().name
        file.parent.mkdir(exist_ok=True)
        with FileLock(shared / "kernels.lock"):
            assert compile.compile_to(file) == 0
    finally:
        os.environ["NUMBA_DISABLE_JIT"] = "1"
    return file


@pytest.fixture
def compiled(object_code: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Models that are opened have compiled steps, as after the first start. Returns the folder of the object code."""
    from seqshell.kernels import cache

    monkeypatch.delenv("NUMBA_DISABLE_JIT")
    monkeypatch.setattr(cache, "folder", lambda: object_code.parent)
    yield object_code.parent
    for name in (
        "seqshell.layers.compiled",
        "seqshell.layers.compiled_chunks",
        "seqshell.layers.compiled_linear",
        "seqshell.layers.drawn_blocks",
        "seqshell.layers.large_vocabulary",
        "seqshell_recurrent.compiled_decoders",
        "seqshell_seq2seq.compiled_decoders",
    ):
        sys.modules.pop(name, None)


@pytest.fixture(scope="session")
def registry() -> Registry:
    """The built-in plugins."""
    return load_registry(Policy(no_plugins=True))
