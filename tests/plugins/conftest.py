"""A fresh environment in which only wheels are installed: what somebody who installs seqshell and plugins with pip has."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DISTRIBUTIONS = Path(__file__).parent / "distributions"

# The build backend of every project here, as pip and `build` call it, but once for all.
BUILD = """
import os, sys
from hatchling.build import build_wheel
for folder, out in zip(sys.argv[1::2], sys.argv[2::2]):
    os.chdir(folder)
    build_wheel(out)
"""

# Runs several command lines, as JSON on stdin, in one process, which imports torch once.
TOGETHER = """
import contextlib, io, json, sys
from seqshell.cli import main
told = []
for words in json.load(sys.stdin):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(words)
    told.append([code, out.getvalue(), err.getvalue()])
json.dump(told, sys.stdout)
"""

collect_ignore = ["distributions"]  # their own tests run where they are installed


@dataclass(frozen=True)
class Env:
    """A virtual environment. folder: it, with the user's own folder (home) and a place to work in (work) beside it."""

    folder: Path

    @property
    def home(self) -> Path:
        """SEQSHELL_HOME."""
        return self.folder / "home"

    @property
    def work(self) -> Path:
        """Where programs are run."""
        return self.folder / "work"

    @property
    def programs(self) -> Path:
        return self.folder / "venv" / "bin"

    @property
    def variables(self) -> dict[str, str]:
        """What programs find in os.environ; their names are looked up here first."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("SEQSHELL_", "PYTHON", "PYTEST_", "VIRTUAL_ENV"))
        }
        return {**kept, "SEQSHELL_HOME": str(self.home), "PATH": f"{self.programs}{os.pathsep}{kept.get('PATH', '')}"}

    def run(
        self, *words: str | Path, input: str | None = None, cwd: Path | None = None, timeout: float = 300
    ) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment, "python" or "seqshell", in `cwd` (self.work if not given)."""
        stdin = {"stdin": subprocess.DEVNULL} if input is None else {"input": input}
        command = [str(self.programs / words[0]), *map(str, words[1:])]  # a path that is absolute stays as it is
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
            env=self.variables,
            cwd=cwd or self.work,
            timeout=timeout,
            **stdin,
        )

    def seqshell(
        self, *words: str | Path, input: str | None = None, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        return self.run("seqshell", *words, input=input, cwd=cwd)

    def together(self, commands: Sequence[Sequence[str | Path]]) -> list[subprocess.CompletedProcess[str]]:
        """What `seqshell` with each of these words gives, all from one interpreter."""
        lines = [list(map(str, words)) for words in commands]
        done = self.run("python", "-c", TOGETHER, input=json.dumps(lines))
        assert done.returncode == 0, done.stderr
        return [
            subprocess.CompletedProcess(words, *told)
            for words, told in zip(lines, json.loads(done.stdout), strict=True)
        ]

    def source(self, project: str | Path) -> Path:
        """A copy of a distribution's folder among self.work, outside of this project and its settings for pytest."""
        folder = DISTRIBUTIONS / project
        copy = self.work / folder.name
        if not copy.exists():
            shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("__pycache__", ".pytest_cache"))
        return copy

    def own_tests(self, *projects: str | Path) -> subprocess.CompletedProcess[str]:
        """Run the distributions' own tests, unchanged, against what is installed; one pytest for all, a line for each test."""
        folders = [self.source(project).name for project in projects]
        options = ["-v", "--no-header", "-p", "no:cacheprovider", "--import-mode=importlib", f"--rootdir={self.work}"]
        return self.run("python", "-m", "pytest", *options, *folders)


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Env]:
    """`environment(*projects)`: an environment with seqshell and these installed, made once for all who ask for the same.
    alone=True: for the caller alone, who may install more into it.

    projects: names of folders in distributions/, or paths of folders with a pyproject.toml. Nothing comes from a network: the wheels are built with
    the hatchling that is here, and what they depend on is found where this interpreter finds it.
    """
    wheels: dict[Path, Path] = {}
    made: dict[tuple[Path, ...], Env] = {}

    def wheels_of(folders: list[Path]) -> list[Path]:
        if missing := [folder for folder in folders if folder not in wheels]:
            outs = [tmp_path_factory.mktemp("wheel") for _ in missing]
            _succeed(sys.executable, "-c", BUILD, *(path for pair in zip(missing, outs, strict=True) for path in pair))
            for folder, out in zip(missing, outs, strict=True):
                (wheels[folder],) = out.glob("*.whl")
        return [wheels[folder] for folder in folders]

    def make(*projects: str | Path, alone: bool = False) -> Env:
        folders = (ROOT, *(DISTRIBUTIONS / project for project in projects))  # a path that is absolute stays as it is
        if folders in made and not alone:
            return made[folders]
        env = Env(tmp_path_factory.mktemp("environment"))
        for folder in (env.home, env.work):
            folder.mkdir()
        _install(env.folder / "venv", wheels_of(list(folders)))
        return env if alone else made.setdefault(folders, env)

    return make


def _install(venv: Path, wheels: list[Path]) -> None:
    _succeed(sys.executable, "-m", "venv", "--without-pip", venv)
    options = ["--no-deps", "--no-index", "--no-compile", "--disable-pip-version-check", "--quiet"]
    _succeed(sys.executable, "-m", "pip", "--python", venv / "bin" / "python", "install", *options, *wheels)
    (packages,) = venv.glob("lib/*/site-packages")
    # After the installation, or pip would take what is installed here for installed there. It comes behind the environment's own packages, and
    # .pth files in the folders that it names are not read: an editable seqshell is not found by way of it.
    theirs = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    (packages / "zz_dependencies.pth").write_text("".join(f"{path}\n" for path in theirs), "utf-8")


def _succeed(*words: str | Path) -> None:
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
