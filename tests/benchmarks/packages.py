"""One package with the models, or two: the sizes of the wheels, and the time to install them, by turns.

    python tests/benchmarks/packages.py [RUNS]

together   the wheel of this checkout
code       the same without the weights
models     the weights alone, which a second package would have
torch      the installed size of what both need

Each wheel is installed with pip, without its dependencies, in an environment of its own. Medians of RUNS (5). It also
says which of seqshell's lines still work without weights. It needs the extra `test`.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
MODELS = """[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "seqshell-models"
version = "0"
[tool.hatch.build.targets.wheel]
only-include = ["seqshell_models"]
"""
LINES = (["-c", "ROMEO:"], ["-c", "/translate i love you"], ["recipes"], ["train", "phrases", "--dry-run"])


def built(folder: Path, out: Path) -> Path:
    """Build the wheel of a project, and return its path."""
    command = [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", str(out), str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    (path,) = out.glob("*.whl")
    return path


def copied(to: Path) -> Path:
    """A copy of the committed files."""
    to.mkdir()
    archive = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, check=True, capture_output=True).stdout
    subprocess.run(["tar", "-x", "-C", to], input=archive, check=True)
    return to


def environment(folder: Path) -> Path:
    """A new virtual environment; returns its Python."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    return folder / "bin" / "python"


def seconds_to_install(wheel: Path, python: Path) -> float:
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", "--no-index", wheel]
    start = time.perf_counter()
    subprocess.run(pip, check=True, capture_output=True)
    return time.perf_counter() - start


def works_without(wheel: Path, folder: Path) -> dict[str, bool]:
    """Which lines succeed where only the code is installed, with the dependencies of this environment."""
    python = environment(folder)
    seconds_to_install(wheel, python)
    (packages,) = folder.glob("lib/*/site-packages")
    outer = [path for path in sys.path if path.endswith("site-packages")]
    (packages / "zz_dependencies.pth").write_text("".join(f"{path}\n" for path in outer), "utf-8")
    found = {}
    for line in LINES:
        command = [python, "-m", "seqshell", *line]
        variables = {"PATH": "/usr/bin:/bin", "SEQSHELL_HOME": str(folder / "home")}
        found[" ".join(line)] = not subprocess.run(command, cwd=folder, env=variables, capture_output=True).returncode
    return found


def main(runs: int) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        whole, code, models = copied(folder / "whole"), copied(folder / "code"), folder / "models"
        weights = models / "seqshell_models"
        weights.mkdir(parents=True)
        (models / "pyproject.toml").write_text(MODELS, "utf-8")
        for path in (code / "checkpoints").glob("*.safetensors"):
            path.rename(weights / path.name)
        wheels = {
            name: built(project, folder / f"{name}-wheel")
            for name, project in (("together", whole), ("code", code), ("models", models))
        }
        times: dict[str, list[float]] = {name: [] for name in wheels}
        for run in range(runs):
            for name, wheel in wheels.items():
                times[name].append(seconds_to_install(wheel, environment(folder / f"{name}-{run}")))
        for name, wheel in wheels.items():
            size = wheel.stat().st_size / 1e6
            print(f"{name:8}  {size:6.1f} MB  {statistics.median(times[name]):5.2f} s")
        import torch

        installed = sum(path.stat().st_size for path in Path(torch.__file__).parent.rglob("*") if path.is_file())
        print(f"torch     {installed / 1e6:6.1f} MB installed")
        for line, works in works_without(wheels["code"], folder / "without").items():
            print(f"without weights: seqshell {line}: {'works' if works else 'refused'}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
