"""Third-party plugins: the packages in distributions/ are installed from wheels, pass all checks and their own tests.

A model is trained from a package's recipe.toml, or imported from its example.json. It answers the lines of lines.txt
or, if there is none, the recipe's examples.
"""

import json
import tomllib
from pathlib import Path

import numpy as np
import pytest

from seqshell.models.file import read_header

FOLDER = Path(__file__).parent / "distributions"
PROJECTS = sorted(path.parent.name for path in FOLDER.glob("*/pyproject.toml"))
MODEL_SOURCE = {
    project: next(path for name in ("recipe.toml", "example.json") if (path := FOLDER / project / name).exists())
    for project in PROJECTS
}
OFFERS = {
    **dict.fromkeys(PROJECTS, "architecture"),
    "dry": "sampler",
    "xtc": "sampler",
    "until": "sampler",
    "poem": "command",
    "turnlog": "command",
    "syllables": "tokenizer",
    "json_rnn": "importer",
}
# Language models whose decoders have no trace: the leaves of their states, and the shapes at each token.
TRACED = {
    "complex_lru": {"0": (2, 32)},
    "growing_cache": dict.fromkeys(("0.keys", "0.values", "1.keys", "1.values"), (2, 1, 16)),  # what a token adds
    "mingru": {"0": (2, 48)},
    "selective": {"0.inputs": (64, 3), "0.space": (64, 8)},
}
OF_TOKENS = ("position", "id", "text", "surprisal", "model", "from", "unit")


def plugins_of(project):
    """The plugins of a package, its entry points: name -> module."""
    return tomllib.loads((FOLDER / project / "pyproject.toml").read_text("utf-8"))["project"]["entry-points"][
        "seqshell"
    ]


def lines_of(project):
    """Two input lines for the package's model."""
    path = FOLDER / project / "lines.txt"
    if path.exists():
        lines = path.read_text("utf-8").splitlines()
    else:
        lines = tomllib.loads(MODEL_SOURCE[project].read_text("utf-8"))["defaults"]["examples"]
    return lines[0], lines[-1]


@pytest.fixture(scope="module")
def installed(environment):
    """One environment with all packages, to show that they do not disturb each other."""
    return environment(*PROJECTS)


@pytest.fixture(scope="module")
def checked(installed):
    """The result of `plugins check` for each plugin."""
    plugins = [name for project in PROJECTS for name in plugins_of(project)]
    return dict(zip(plugins, installed.together([["plugins", "check", name] for name in plugins]), strict=True))


@pytest.fixture(scope="module")
def own_tests(installed):
    """pytest's output for the tests of all packages."""
    return installed.own_tests(*PROJECTS).stdout


@pytest.fixture(scope="module")
def used(installed):
    """For each package: the results of making its model, of a session, and of that session restored."""
    steps = []
    for project in PROJECTS:
        first, second = lines_of(project)
        model = ["-m", installed.work / f"{project}.safetensors"]
        session = installed.work / f"{project}-session.safetensors"
        more = ["-c", second, "-c", "/state", "--seed", "3"]
        trace = ["-c", f"/trace -o {project}.npz {second}"]
        command = "train" if MODEL_SOURCE[project].suffix == ".toml" else "import"
        steps.append(
            (
                [command, installed.source(project) / MODEL_SOURCE[project].name, "--out", model[1]],
                [*model, "-c", first, "-c", f"/save {session}", *(trace if project in TRACED else []), *more],
                [*model, "--restore", session, *more],
            )
        )
    results = installed.together([arguments for step in steps for arguments in step[:2]])
    restored = installed.together([step[2] for step in steps])
    return {
        project: (results[2 * index], results[2 * index + 1], restored[index]) for index, project in enumerate(PROJECTS)
    }


def test_the_environment_uses_nothing_from_this_checkout(installed):
    names = [
        "seqshell",
        "seqshell_recurrent",
        *(target for project in PROJECTS for target in plugins_of(project).values()),
    ]
    code = "import importlib, sys; print(*(importlib.import_module(name).__file__ for name in sys.argv[1:]), sep='\\n')"
    result = installed.run("python", "-c", code, *names)
    assert result.returncode == 0, result.stderr
    assert [path for path in result.stdout.splitlines() if not path.startswith(str(installed.folder))] == []


def test_plugins_list_names_the_distribution_of_each(installed):
    result = installed.seqshell("plugins", "list", "--json")
    listed = {plugin["name"]: plugin for plugin in json.loads(result.stdout)["plugins"]}
    for project in PROJECTS:
        distribution = tomllib.loads((FOLDER / project / "pyproject.toml").read_text("utf-8"))["project"]
        expected = distribution["name"], distribution["version"], "loaded"
        for name in plugins_of(project):
            plugin = listed[name]
            assert (plugin["distribution"], plugin["version"], plugin["state"]) == expected, plugin


@pytest.mark.parametrize("project", PROJECTS)
def test_each_plugin_passes_plugins_check(checked, project):
    for name in plugins_of(project):
        assert checked[name].returncode == 0, checked[name].stdout + checked[name].stderr


@pytest.mark.parametrize("project", PROJECTS)
def test_each_packages_own_tests_pass(own_tests, project):
    lines = [
        line
        for line in own_tests.splitlines()
        if line.startswith((f"{project}/", f"ERROR {project}", f"FAILED {project}"))
    ]
    assert lines, own_tests
    assert [line for line in lines if " PASSED" not in line] == [], own_tests


@pytest.mark.parametrize("project", PROJECTS)
def test_each_model_names_the_plugin_that_it_needs(used, installed, project):
    making, _, _ = used[project]
    assert making.returncode == 0, making.stderr
    header = read_header(installed.work / f"{project}.safetensors")
    (plugin,) = plugins_of(project)
    offers = OFFERS[project]
    if offers == "architecture":
        owner = header["owner"]
    else:
        owner = header.get("tokenizer_owners", {}).get("tokenizer", {}).get("owner")
    assert owner == (plugin if offers in ("architecture", "tokenizer") else None)
    if offers == "sampler":
        assert header["defaults"]["sampler"].startswith(plugin)


@pytest.mark.parametrize("project", PROJECTS)
def test_a_saved_session_continues_the_same_in_another_process(used, project):
    _, session, restored = used[project]
    assert (session.returncode, restored.returncode) == (0, 0), session.stderr + restored.stderr
    before, after = (
        [line for line in result.stdout.splitlines() if not line.startswith("snapshots")]
        for result in (session, restored)
    )
    assert before[-len(after) :] == after
    assert 0 < len(after) < len(before)  # only the first session has the answer to the first line


@pytest.mark.parametrize("project", TRACED)
def test_a_trace_has_every_leaf_of_a_plugins_model(used, installed, project):
    assert used[project][1].returncode == 0
    with np.load(installed.work / f"{project}.npz") as found:
        assert "".join(found["text"]) == lines_of(project)[1]
        assert {name: found[name].shape[1:] for name in found if name not in OF_TOKENS} == TRACED[project]
        assert {len(found[name]) for name in TRACED[project]} == {len(found["text"])}
