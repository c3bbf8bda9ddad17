"""The distribution: one wheel from two source roots, with every plugin folder as an entry point and nothing else."""

import hashlib
import json
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import seqshell

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
CHANGELOG = (ROOT / "CHANGELOG.md").read_text("utf-8")
WHEEL = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
PLUGINS = sorted(path.parent.name for path in (ROOT / "plugins").glob("*/__init__.py"))


def constraints():
    """The pinned versions by distribution."""
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A folder with an sdist and the wheel built from it, as `python -m build` and pip do it, without a network."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def info(built):
    """The folder with the metadata in the wheel; commits since the installation have raised its version."""
    (path,) = built.glob("*.whl")
    return "-".join(path.name.split("-")[:2]) + ".dist-info"


@pytest.fixture(scope="module")
def wheel(built):
    """The names in the wheel."""
    (path,) = built.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        return archive.namelist()


def test_every_plugin_folder_is_an_entry_point_and_in_the_wheel():
    """A new folder in plugins/ needs its entry point and its line in only-include, and `pip install -e .` again."""
    points = PROJECT["project"]["entry-points"]["seqshell"]
    assert sorted(points.values()) == PLUGINS
    assert all(f"seqshell_{name}" == target for name, target in points.items())
    assert sorted(WHEEL["only-include"]) == sorted(
        ["repl/seqshell", "checkpoints", *(f"plugins/{name}" for name in PLUGINS)]
    )


def test_the_installed_distribution_has_the_same_entry_points():
    installed = {
        point.name: point.value for point in metadata.distribution("seqshell").entry_points if point.group == "seqshell"
    }
    assert installed == PROJECT["project"]["entry-points"]["seqshell"], "run `pip install -e .` again"


def test_the_version_comes_from_git_and_the_changelog_names_the_released_ones():
    assert PROJECT["project"]["dynamic"] == ["version"]
    assert PROJECT["tool"]["hatch"]["version"]["source"] == "vcs"
    assert Version(seqshell.__version__) >= Version("0.1.dev0")
    released = re.findall(r"^## \[(.*)\] - \d{4}-\d\d-\d\d$", CHANGELOG, re.MULTILINE)
    tags = subprocess.run(["git", "tag", "--list", "v*"], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    assert {tag.removeprefix("v") for tag in tags.split()} <= set(released)


def test_the_changelog_has_the_form_of_keep_a_changelog():
    """https://keepachangelog.com/en/1.1.0: versions with dates, newest first, and the six kinds of changes."""
    titles = re.findall(r"^## (.*)$", CHANGELOG, re.MULTILINE)
    assert titles[0] == "[Unreleased]"
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", title) for title in titles[1:])
    assert titles[1:] == sorted(titles[1:], key=lambda title: title.rpartition(" ")[2], reverse=True)
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert set(re.findall(r"^### (.*)$", CHANGELOG, re.MULTILINE)) <= kinds


def test_every_dependency_has_a_tested_version():
    """torch's version is asserted: an unpinned one would install gigabytes of GPU libraries."""
    pinned = constraints()
    extras = PROJECT["project"]["optional-dependencies"].values()
    for requirement in [*PROJECT["project"]["dependencies"], *(one for extra in extras for one in extra)]:
        assert requirement.partition(">")[0].partition("[")[0].replace("_", "-").lower() in pinned, requirement
    assert pinned["torch"] == "2.13.0"


def test_no_test_is_skipped_because_a_package_is_missing_that_the_extra_test_installs():
    """Such a test imports the package, and fails without it. Ray alone, which is large, is installed by .ci/run."""
    files = [path.read_text("utf-8") for path in ROOT.glob("tests/**/*.py")]
    skipping = {name for text in files for name in re.findall(r"importorskip\(\"(\w+)\"", text)}
    assert skipping == {"ray"}
    assert "-m pytest tests/cli/test_bulk_ray.py" in (ROOT / ".ci" / "run").read_text("utf-8")


def test_every_dependency_besides_torch_has_hashes_of_the_tested_version():
    """Those of dependencies too, so that nothing is installed unchecked; .ci/run installs from the file."""
    text = (ROOT / "requirements.lock").read_text("utf-8")
    locked = dict(re.findall(r"^([a-z0-9-]+)==([^\s;]+)", text, re.MULTILINE))
    files = re.split(r"^(?=[a-z])", text, flags=re.MULTILINE)[1:]
    assert all(re.search(r"--hash=sha256:[0-9a-f]{64}\b", each) for each in files)
    assert len(files) == len(locked)
    assert locked == {**locked, **{name: version for name, version in constraints().items() if name in locked}}

    waiting, needed = [*PROJECT["project"]["dependencies"]], set()
    while waiting:
        requirement = Requirement(waiting.pop())
        name = canonicalize_name(requirement.name)
        if name not in needed and (requirement.marker is None or requirement.marker.evaluate({"extra": ""})):
            needed.add(name)
            waiting += metadata.requires(name) or []
    assert "--require-hashes -r requirements.lock" in (ROOT / ".ci" / "run").read_text("utf-8")
    assert {name for name in needed - locked.keys() if not name.startswith(("nvidia", "cuda", "triton"))} == {"torch"}


def test_the_hooks_before_a_commit_run_the_pinned_tools_of_the_test_extra():
    text = (ROOT / ".pre-commit-config.yaml").read_text("utf-8")
    tools = re.findall(r"entry: (\S+)", text)
    extra = PROJECT["project"]["optional-dependencies"]["test"]

    assert set(tools) == {"ruff", "mypy"}
    assert text.count("language: system") == text.count("- id:") == len(tools)
    assert set(tools) <= set(extra)
    assert set(tools) <= constraints().keys()


def test_continuous_integration_runs_on_every_version_of_python_that_the_project_names():
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8")
    prefix = "Programming Language :: Python :: 3."
    named = [line.rpartition(" ")[2] for line in PROJECT["project"]["classifiers"] if line.startswith(prefix)]

    assert re.findall(r'"(3\.\d+)"', workflow) == named
    assert "run: .ci/run" in workflow


def test_the_installed_packages_are_tried_with_every_command_of_the_readme():
    readme, run = ((ROOT / name).read_text("utf-8") for name in ("README.md", ".ci/run"))
    named = set(re.findall(r"`(?:seqshell )?(/[a-z-]+|train phrases)", readme))
    conversation = set(re.findall(r"^>>> (/[a-z-]+)", readme, re.MULTILINE))
    assert "block transcript" in run  # all lines of the conversation

    assert {"/classify", "/find-neuron", "/clamp", "/reach", "train phrases"} <= named
    assert {name for name in named - conversation if name not in run} == set()


def test_the_wheel_contains_the_packages_and_no_other_top_level_name(wheel, info):
    tops = {name.partition("/")[0] for name in wheel}
    assert tops == {"seqshell", *PLUGINS, info}


def test_the_wheel_contains_every_module_and_checkpoint_and_no_stray_file(wheel):
    tracked = subprocess.run(
        ["git", "ls-files", "repl", "plugins", "checkpoints"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if tracked.returncode:
        pytest.skip("not a git checkout")  # an unpacked sdist has no list to compare with
    ours = {name for name in wheel if ".dist-info/" not in name}
    expected = set()
    for name in tracked.stdout.splitlines():
        top, _, rest = name.partition("/")
        if (ROOT / name).exists() and "/" in (
            rest if top != "checkpoints" else name
        ):  # a README beside the plugins stays out
            expected.add(f"seqshell/{name}" if top == "checkpoints" else rest)
    assert expected <= ours
    assert not [name for name in ours if name.endswith((".pyc", ".tmp")) or "/." in name]
    assert not [
        name for name in ours if "checkpoints/" in name and not name.endswith((".safetensors", ".toml", ".tsv", ".md"))
    ]


def test_license_command_and_type_marker_are_in_the_wheel(wheel, built, info):
    assert "seqshell/py.typed" in wheel
    assert f"{info}/licenses/LICENSE" in wheel
    (path,) = built.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        points = archive.read(f"{info}/entry_points.txt").decode()
    assert "seqshell = seqshell.cli:main" in points
    assert "recurrent = seqshell_recurrent" in points


def test_everything_that_ships_has_a_licence_and_stands_in_the_bill_of_materials(wheel, info, tmp_path):
    assert f"{info}/licenses/checkpoints/LICENSES.md" in wheel
    out = tmp_path / "sbom.json"
    subprocess.run([sys.executable, ROOT / ".ci" / "sbom.py", out], check=True)
    parts = json.loads(out.read_text("utf-8"))["components"]
    models = {part["name"]: part for part in parts if part["type"] == "machine-learning-model"}
    versions = {part["name"]: part["version"] for part in parts if part["type"] == "library"}

    assert models.keys() == {Path(name).stem for name in wheel if name.endswith(".safetensors")}
    assert models["shakespeare"]["licenses"] == [{"license": {"id": "Apache-2.0"}}]
    assert models["sentiment"]["licenses"] == [{"license": {"name": "research only"}}]
    content = (ROOT / "checkpoints" / "names.safetensors").read_bytes()
    assert models["names"]["hashes"] == [{"alg": "SHA-256", "content": hashlib.sha256(content).hexdigest()}]
    assert versions == {**versions, **{name: version for name, version in constraints().items() if name in versions}}
    assert {"torch", "numpy", "safetensors"} <= versions.keys()


def test_a_release_is_built_from_a_tag_and_published_without_a_stored_password():
    workflow = (ROOT / ".github" / "workflows" / "release.yml").read_text("utf-8")
    assert "id-token: write" in workflow
    assert "pypa/gh-action-pypi-publish@" in workflow
    assert "fetch-depth: 0" in workflow  # the version is that of the tag
    assert "secrets." not in workflow
    assert ".ci/sbom.py" in workflow
    assert "run: .ci/run" in workflow


def test_the_sdist_can_be_built_and_tested_from(built):
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for needed in (
        "pyproject.toml",
        "README.md",
        "LICENSE",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "constraints.txt",
        "requirements.lock",
        "docs/reliability.md",
        "docs/architecture.md",
        ".ci/run",
        ".ci/sbom.py",
        ".github/workflows/ci.yml",
        ".pre-commit-config.yaml",
        ".git-blame-ignore-revs",
        "tests/conftest.py",
        "tests/test_packaging.py",
        "checkpoints/README.md",
    ):
        assert needed in names


def test_the_checkpoints_contain_no_python_file():
    """One would break the editable install: the folder would count as a package."""
    assert not list((ROOT / "checkpoints").rglob("*.py"))
