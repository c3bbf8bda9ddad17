"""Virtual environments in which seqshell and plugins are installed from wheels, as users install them with pip."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DISTRIBUTIONS = Path(__file__).parent / "distributions"

# Builds several wheels in one process, with the backend that pip would call for each.
BUILD = """
import os, sys
from hatchling.build import build_wheel
for folder, out in zip(sys.argv[1::2], sys.argv[2::2]):
    os.chdir(folder)
    build_wheel(out)
"""

# Runs several command lines, given as JSON on stdin, in one process, which imports torch once.
TOGETHER = """
import contextlib, io, json, sys
from seqshell.cli import main
results = []
for arguments in json.load(sys.stdin):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(arguments)
    results.append([code, out.getvalue(), err.getvalue()])
json.dump(results, sys.stdout)
"""

collect_ignore = ["distributions"]  # their own tests run in the environments where they are installed


@dataclass(frozen=True)
class Env:
    """A virtual environment, in `venv`, with a folder for seqshell's files (home) and a current folder (work).

    folder: where home and work are. first: a folder with programs that come before those of the environment.
    """

    folder: Path
    venv: Path
    first: Path | None = None

    def __post_init__(self) -> None:
        for folder in (self.home, self.work):
            folder.mkdir(parents=True)

    def elsewhere(self, folder: Path) -> Env:
        """The same environment, with a home and a current folder of its own."""
        return replace(self, folder=folder)

    @property
    def home(self) -> Path:
        """SEQSHELL_HOME."""
        return self.folder / "home"

    @property
    def work(self) -> Path:
        """The current folder of programs."""
        return self.folder / "work"

    @property
    def programs(self) -> Path:
        return self.venv / "bin"

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables of programs."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("SEQSHELL_", "PYTHON", "PYTEST_", "VIRTUAL_ENV"))
        }
        path = os.pathsep.join(map(str, filter(None, (self.first, self.programs, kept.get("PATH")))))
        return {**kept, "SEQSHELL_HOME": str(self.home), "PATH": path}

    def run(
        self, *words: str | Path, input: str | None = None, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment, such as "python" or "seqshell", in `cwd` (default: self.work).

        It has no time limit: some fixtures train a dozen models at once, which takes long on a busy machine.
        """
        stdin = {"stdin": subprocess.DEVNULL} if input is None else {"input": input}
        command = [str(self.programs / words[0]), *map(str, words[1:])]  # an absolute path stays as it is
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
            env=self.variables,
            cwd=cwd or self.work,
            **stdin,
        )

    def seqshell(
        self, *words: str | Path, input: str | None = None, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        return self.run("seqshell", *words, input=input, cwd=cwd)

    def together(self, commands: Sequence[Sequence[str | Path]]) -> list[subprocess.CompletedProcess[str]]:
        """Run `seqshell` with each list of arguments, all in one interpreter."""
        lines = [list(map(str, arguments)) for arguments in commands]
        result = self.run("python", "-c", TOGETHER, input=json.dumps(lines))
        assert result.returncode == 0, result.stderr
        return [
            subprocess.CompletedProcess(arguments, *fields)
            for arguments, fields in zip(lines, json.loads(result.stdout), strict=True)
        ]

    def source(self, project: str | Path) -> Path:
        """Copy a distribution's folder into self.work, away from this project and its settings for pytest."""
        folder = DISTRIBUTIONS / project
        copy = self.work / folder.name
        if not copy.exists():
            shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("__pycache__", ".pytest_cache"))
        return copy

    def own_tests(self, *projects: str | Path) -> subprocess.CompletedProcess[str]:
        """Run the distributions' own tests with what is installed: one pytest for all, one output line per test."""
        folders = [self.source(project).name for project in projects]
        options = ["-v", "--no-header", "-p", "no:cacheprovider", "--import-mode=importlib", f"--rootdir={self.work}"]
        return self.run("python", "-m", "pytest", *options, *folders)


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Env]:
    """`environment(*projects)` makes an environment with seqshell and the projects; equal requests share one.

    alone=True: do not share it, so that the caller may install more. projects: names of folders in distributions/, or
    paths of folders with a pyproject.toml. No network is needed: wheels are built with the installed hatchling, and
    dependencies are those of the current interpreter.
    """
    wheels: dict[Path, Path] = {}
    shared: dict[tuple[Path, ...], Env] = {}

    def wheels_of(folders: list[Path]) -> list[Path]:
        if missing := [folder for folder in folders if folder not in wheels]:
            outs = [tmp_path_factory.mktemp("wheel") for _ in missing]
            _succeed(sys.executable, "-c", BUILD, *(path for pair in zip(missing, outs, strict=True) for path in pair))
            for folder, out in zip(missing, outs, strict=True):
                (wheels[folder],) = out.glob("*.whl")
        return [wheels[folder] for folder in folders]

    def make(*projects: str | Path, alone: bool = False) -> Env:
        folders = (ROOT, *(DISTRIBUTIONS / project for project in projects))  # an absolute path stays as it is
        if folders in shared and not alone:
            return shared[folders]
        folder = tmp_path_factory.mktemp("environment")
        env = Env(folder, folder / "venv")
        _install(env.venv, wheels_of(list(folders)))
        return env if alone else shared.setdefault(folders, env)

    return make


@pytest.fixture
def write_plugin(tmp_path: Path) -> Callable[..., str]:
    """`write_plugin(text, change)` writes wrong.py and returns its path. change: part of the text, its replacement."""

    def write(text: str, change: tuple[str, str] | None = None) -> str:
        path = tmp_path / "wrong.py"
        assert change is None or change[0] in text
        path.write_text(text if change is None else text.replace(*change), "utf-8")
        return str(path)

    return write


@pytest.fixture
def failed_rules(capsys: pytest.CaptureFixture[str]) -> Callable[[str], dict[str, tuple[str, str]]]:
    """`failed_rules(plugin)` runs `plugins check`. Returns the failed rules: name -> (seen, case)."""
    from seqshell.cli.plugins_check import check_command

    def check(plugin: str) -> dict[str, tuple[str, str]]:
        code = check_command(plugin, (), as_json=True)
        result = json.loads(capsys.readouterr().out)
        rules = [rule for offer in result["offers"] for rule in offer["rules"] if rule["seen"] and not rule["passed"]]
        assert result["failed"] == len(rules)
        assert code == bool(rules)
        return {rule["rule"]: (rule["seen"], rule["case"]) for rule in rules}

    return check


def _install(venv: Path, wheels: list[Path]) -> None:
    _succeed(sys.executable, "-m", "venv", "--without-pip", venv)
    options = ["--no-deps", "--no-index", "--no-compile", "--disable-pip-version-check", "--quiet"]
    _succeed(sys.executable, "-m", "pip", "--python", venv / "bin" / "python", "install", *options, *wheels)
    (packages,) = venv.glob("lib/*/site-packages")
    # Add the current interpreter's packages after the installation, or pip would regard them as installed. They come
    # after the environment's own packages, and their .pth files are not read, so an editable seqshell is not found.
    outer = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    (packages / "zz_dependencies.pth").write_text("".join(f"{path}\n" for path in outer), "utf-8")


def _succeed(*command: str | Path) -> None:
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.fixture
def folder_with_map(folder: Path) -> Path:
    """The current folder, with a map.toml that names the tokens of the models to import."""
    import torch
    from tests.plugins.imported_models import MAP

    (folder / "map.toml").write_text(MAP)
    torch.manual_seed(3)
    return folder
