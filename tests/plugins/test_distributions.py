"""Strangers' plugins as proof: what is under distributions/ is installed from wheels, keeps the contract, passes its own tests, and works.

A model is trained from a distribution's recipe.toml, or imported from its example.json; lines.txt, or else the recipe's examples, are said to it.
"""

import json
import tomllib
from pathlib import Path

import pytest

from seqshell.models.file import read_header

FOLDER = Path(__file__).parent / "distributions"
PROJECTS = sorted(path.parent.name for path in FOLDER.glob("*/pyproject.toml"))
MADE_OF = {
    project: next(path for name in ("recipe.toml", "example.json") if (path := FOLDER / project / name).exists())
    for project in PROJECTS
}
OFFERS = {
    "dry": "sampler",
    "xtc": "sampler",
    "poem": "command",
    "syllables": "tokenizer",
    "json_rnn": "importer",
}  # the others: an architecture
OFFERS |= {project: "architecture" for project in PROJECTS if project not in OFFERS}


def plugins_of(project):
    """Its plugins: the names of its entry points."""
    return tomllib.loads((FOLDER / project / "pyproject.toml").read_text("utf-8"))["project"]["entry-points"][
        "seqshell"
    ]


def lines_of(project):
    """Two lines for its model."""
    said = FOLDER / project / "lines.txt"
    lines = (
        said.read_text("utf-8").splitlines()
        if said.exists()
        else tomllib.loads(MADE_OF[project].read_text("utf-8"))["defaults"]["examples"]
    )
    return lines[0], lines[-1]


@pytest.fixture(scope="module")
def installed(environment):
    """One environment with all of them: they do not disturb one another either."""
    return environment(*PROJECTS)


@pytest.fixture(scope="module")
def checked(installed):
    """Of each plugin what `plugins check` gave."""
    plugins = [name for project in PROJECTS for name in plugins_of(project)]
    return dict(zip(plugins, installed.together([["plugins", "check", name] for name in plugins]), strict=True))


@pytest.fixture(scope="module")
def own_tests(installed):
    """What pytest said of all their tests."""
    return installed.own_tests(*PROJECTS).stdout


@pytest.fixture(scope="module")
def used(installed):
    """Of each distribution how its model was made, a chat, and what a program that was started later says from the saved session on."""
    steps = []
    for project in PROJECTS:
        first, second = lines_of(project)
        model = ["-m", installed.work / f"{project}.safetensors"]
        further = ["-c", second, "-c", "/state", "--seed", "3"]
        saving = ["-c", first, "-c", f"/save {installed.work / project}-session.safetensors", *further]
        steps.append(
            (
                [
                    "train" if MADE_OF[project].suffix == ".toml" else "import",
                    installed.source(project) / MADE_OF[project].name,
                    "--out",
                    model[1],
                ],
                [*model, *saving],
                [*model, "--restore", installed.work / f"{project}-session.safetensors", *further],
            )
        )
    done = installed.together([words for step in steps for words in step[:2]])
    restored = installed.together([step[2] for step in steps])
    return {project: (done[2 * place], done[2 * place + 1], restored[place]) for place, project in enumerate(PROJECTS)}


def test_nothing_in_the_environment_is_this_checkout(installed):
    names = [
        "seqshell",
        "seqshell_recurrent",
        *(target for project in PROJECTS for target in plugins_of(project).values()),
    ]
    code = "import importlib, sys; print(*(importlib.import_module(name).__file__ for name in sys.argv[1:]), sep='\\n')"
    done = installed.run("python", "-c", code, *names)
    assert done.returncode == 0, done.stderr
    assert [path for path in done.stdout.splitlines() if not path.startswith(str(installed.folder))] == []


def test_all_of_them_are_found_with_the_distribution_that_they_come_from(installed):
    done = installed.seqshell("plugins", "list", "--json")
    listed = {each["name"]: each for each in json.loads(done.stdout)["plugins"]}
    for project in PROJECTS:
        distribution = tomllib.loads((FOLDER / project / "pyproject.toml").read_text("utf-8"))["project"]
        for name in plugins_of(project):
            seen = listed[name]
            assert (seen["distribution"], seen["version"], seen["state"]) == (
                distribution["name"],
                distribution["version"],
                "loaded",
            ), seen


@pytest.mark.parametrize("project", PROJECTS)
def test_it_keeps_the_contract(checked, project):
    for name in plugins_of(project):
        assert checked[name].returncode == 0, checked[name].stdout + checked[name].stderr


@pytest.mark.parametrize("project", PROJECTS)
def test_its_own_tests_pass_unchanged(own_tests, project):
    lines = [
        line
        for line in own_tests.splitlines()
        if line.startswith((f"{project}/", f"ERROR {project}", f"FAILED {project}"))
    ]
    assert lines, own_tests
    assert [line for line in lines if " PASSED" not in line] == [], own_tests


@pytest.mark.parametrize("project", PROJECTS)
def test_its_model_is_made_and_says_whose_it_is(used, installed, project):
    making, _, _ = used[project]
    assert making.returncode == 0, making.stderr
    header = read_header(installed.work / f"{project}.safetensors")
    (plugin,) = plugins_of(project)
    offers = OFFERS[project]
    owner = (
        header["owner"]
        if offers == "architecture"
        else header.get("tokenizer_owners", {}).get("tokenizer", {}).get("owner")
    )
    assert owner == (plugin if offers in ("architecture", "tokenizer") else None)
    if offers == "sampler":
        assert header["defaults"]["sampler"].startswith(plugin)


@pytest.mark.parametrize("project", PROJECTS)
def test_it_chats_saves_and_goes_on_in_another_process_as_if_it_had_not_been_saved(used, project):
    _, chat, restored = used[project]
    assert (chat.returncode, restored.returncode) == (0, 0), chat.stderr + restored.stderr
    before, after = (
        [line for line in done.stdout.splitlines() if not line.startswith("snapshots")] for done in (chat, restored)
    )
    assert before[-len(after) :] == after
    assert 0 < len(after) < len(before)  # the answer to the first message stands before
