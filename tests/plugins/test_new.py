"""`seqshell plugins new`: the packages it writes install from wheels and pass their own tests and all checks."""

import json
import os
import subprocess
import sys
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from seqshell.cli import main
from seqshell.cli.plugin_templates import NewPlugin
from seqshell.cli.plugins import KINDS, TASKS
from seqshell.core.plugin_api import settings_of
from seqshell.core.tasks import Task
from seqshell.host import resolve
from seqshell.host.entry_points import normalized

PLUGINS = {
    "my-cell": NewPlugin("my-cell", ["architecture"]),
    "to_words": NewPlugin("to_words", ["architecture"], Task.TRANSLATE),
    "orders": NewPlugin("orders", ["architecture"], Task.CLASSIFY),
    "tide": NewPlugin("tide", ["architecture"], Task.FORECAST),
    "cities": NewPlugin("cities", ["architecture"], Task.TAG),
    "my_cut": NewPlugin("my_cut", ["sampler"]),
    "MyWay": NewPlugin("MyWay", ["strategy"]),
    "frequent": NewPlugin("frequent", ["tokenizer"]),
    "tally": NewPlugin("tally", ["command"]),
    "from-json": NewPlugin("from-json", ["importer"]),
    "counted": NewPlugin("counted", ["hook"]),
    "kit": NewPlugin("kit", list(KINDS)),
    "both": NewPlugin("both", ["architecture", "sampler", "tokenizer"], Task.TRANSLATE),
}
GENERATE = {"architecture": "gru", "strategy": "sample", "sampler": "min_p=0.05 temperature=0.6", "tokenizer": "char"}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A folder with a new package for each of PLUGINS."""
    folder = tmp_path_factory.mktemp("written")
    before = Path.cwd()
    os.chdir(folder)
    try:
        for name, plugin in PLUGINS.items():
            kinds = [word for kind in plugin.kinds for word in ("--kind", kind)]
            task = ["--task", plugin.task] if "architecture" in plugin.kinds else []
            assert main(["plugins", "new", name, *kinds, *task]) == 0
    finally:
        os.chdir(before)
    return folder


@pytest.fixture(scope="module")
def installed(environment, written):
    """An environment in which all packages are installed from wheels."""
    return environment(*(written / name for name in PLUGINS))


@pytest.fixture(scope="module")
def results(installed, written):
    """Exit codes by the name of the run, and all output. Everything runs in one process, which imports torch once.

    Runs each package's own tests, `plugins check`, a short training or an import, and a session that is saved and
    restored.
    """
    folders = [installed.source(written / name) for name in PLUGINS]
    code = """if True:
        import contextlib, io, json, sys, tomllib
        from pathlib import Path
        import pytest
        from seqshell.cli import main
        folders = [Path(word) for word in sys.argv[1:]]
        codes = {"own tests": pytest.main(["-q", "-p", "no:cacheprovider", "--import-mode=importlib", *sys.argv[1:]])}
        codes |= {f"check {folder.name}": main(["plugins", "check", folder.name]) for folder in folders}
        def session(options, *lines):
            output = io.StringIO()
            with contextlib.redirect_stdout(output):
                code = main([*options, *(word for line in lines for word in ("-c", line))])
            print(output.getvalue())
            return code, output.getvalue()
        for folder in folders:
            name, recipe = folder.name, folder / f"{folder.name}.toml"
            if recipe.exists():
                model, example = name, tomllib.loads(recipe.read_text("utf-8"))["defaults"]["examples"][0]
                codes[f"model {name}"] = main(["train", str(recipe), "--set", "training.epochs=1"])
            else:
                model, example = f"{name}-example", "ab"
                codes[f"model {name}"] = main(["import", str(folder / f"{model}.json")])
            more = ("/tally 5" if name == "tally" else example, "/state")
            shows = [] if name in ("orders", "tide", "cities") else ["/sampler", "/strategy"]
            first, before = session(["-m", model], *shows, example, f"/save {name}", *more)
            second, after = session(["--restore", name], *more)
            lines = [[line for line in text.splitlines() if "snapshots" not in line] for text in (before, after)]
            same = lines[0][-len(lines[1]):] == lines[1] and 1 < len(lines[1]) < len(lines[0])
            codes[f"session {name}"] = first or second or not same
        print()
        print(json.dumps(codes))
    """
    result = installed.run("python", "-c", code, *folders)
    output = result.stdout + result.stderr
    assert result.returncode == 0, output
    return json.loads(result.stdout.splitlines()[-1]), output


def test_their_own_tests_pass_in_an_environment_with_only_wheels(results):
    codes, output = results

    assert codes["own tests"] == 0, output
    assert "failed" not in output.partition("plugin ")[0]


@pytest.mark.parametrize("name", PLUGINS)
def test_each_package_passes_plugins_check(results, name):
    codes, output = results

    assert codes[f"check {name}"] == 0, output


@pytest.mark.parametrize("name", PLUGINS)
def test_a_model_is_made_from_each_package_and_its_saved_session_continues_the_same(results, name):
    codes, output = results

    assert (codes[f"model {name}"], codes[f"session {name}"]) == (0, 0), output


@pytest.mark.parametrize("shown", ["my_cut=1 temperature=0.6", "MyWay", "kit=1 temperature=0.6", "kit"])
def test_the_sessions_use_the_new_samplers_and_strategies(results, shown):
    assert shown in results[1].splitlines()


def test_plugins_list_names_the_distribution_of_each(installed):
    listed = json.loads(installed.seqshell("plugins", "list", "--json").stdout)["plugins"]

    plugins = {plugin["name"]: (plugin["distribution"], plugin["version"], plugin["state"]) for plugin in listed}
    assert {name: plugins.get(name) for name in PLUGINS} == {
        name: (normalized(f"seqshell-{name}"), "0.1.0", "loaded") for name in PLUGINS
    }


@pytest.mark.parametrize("name", PLUGINS)
def test_importing_a_new_package_imports_neither_torch_nor_numpy(written, name):
    module = f"seqshell_{name.replace('-', '_')}"
    code = f"import sys, {module}; print(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=written / name, capture_output=True, text=True, check=True
    )

    assert module in result.stdout.split()
    assert not {"torch", "numpy"} & set(result.stdout.split())


def test_new_packages_pass_this_projects_linter_rules(written):
    rules = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["ruff"]
    options = [
        "--isolated",
        "--no-cache",
        f"--line-length={rules['line-length']}",
        f"--select={','.join(rules['lint']['select'])}",
    ]
    for name in PLUGINS:
        result = subprocess.run(
            [sys.executable, "-m", "ruff", "check", *options, "."],
            cwd=written / name,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("name", PLUGINS)
def test_every_placeholder_of_the_templates_is_replaced(name):
    files = PLUGINS[name].files()

    assert not [path for path, text in files.items() if "{{" in path + text or "package" in path.split("/")]
    assert tomllib.loads(files["pyproject.toml"])["project"]["entry-points"]["seqshell"] == {
        name: f"seqshell_{name.replace('-', '_')}"
    }


def test_each_kind_and_each_task_has_templates():
    assert {kind for plugin in PLUGINS.values() for kind in plugin.kinds} == set(KINDS)
    assert {plugin.task for plugin in PLUGINS.values()} == set(TASKS) == set(Task)


@pytest.mark.parametrize("name", PLUGINS)
def test_the_readme_describes_the_plugin_its_settings_and_its_files(written, monkeypatch, name):
    plugin, readme = PLUGINS[name], (written / name / "README.md").read_text("utf-8")
    monkeypatch.syspath_prepend(str(written / name))
    targets = {
        "architecture": f"config:{plugin.class_name}Config",
        "sampler": f"sampler:{plugin.class_name}Sampler",
        "strategy": f"strategy:{plugin.class_name}Strategy",
    }

    assert plugin.title in readme
    for kind in plugin.kinds:
        assert f"## The {kind}" in readme
        if kind in targets:
            offered = resolve(f"{plugin.module}.{targets[kind]}")
            assert len(settings_of(offered)) == len(fields(offered))
            for item in settings_of(offered):
                row = f"| `{item.name}` | {item.default} |"
                assert (row in readme) == (item.default is not None)  # without a default: the host fills it in
    shown = [
        path for path in plugin.files() if not path.startswith("tests/") and path not in ("README.md", "pyproject.toml")
    ]
    assert [path for path in shown if f"`{path}`" not in readme] == []


def test_plugins_new_prints_the_next_steps(folder, capsys):
    assert main(["plugins", "new", "tide"]) == 0

    assert capsys.readouterr().out.splitlines() == [
        "tide: 8 files of a plugin with an architecture. Next steps:",
        "  cd tide",
        "  pip install -e '.[test]'",
        "  python -m pytest",
        "  seqshell plugins check tide",
        "  seqshell train tide.toml",
        "  seqshell -m tide",
    ]
    assert sorted(path.relative_to(folder).as_posix() for path in folder.glob("tide/**/*") if path.is_file()) == [
        "tide/README.md",
        "tide/pyproject.toml",
        "tide/seqshell_tide/__init__.py",
        "tide/seqshell_tide/config.py",
        "tide/seqshell_tide/model.py",
        "tide/tests/test_architecture.py",
        "tide/tide.toml",
        "tide/tide.txt",
    ]


@pytest.mark.parametrize("name", ["my-cell", "my_cut", "MyWay", "frequent", "tally", "kit"])
def test_the_recipe_of_a_new_package_uses_what_it_offers(name):
    plugin = PLUGINS[name]
    recipe = tomllib.loads(plugin.files()[f"{name}.toml"])

    own = {"architecture": name, "strategy": name, "sampler": f"{name} temperature=0.6", "tokenizer": name}
    assert {"architecture": recipe["architecture"], "tokenizer": recipe["tokenizer"]["name"], **recipe["defaults"]} == {
        **{key: own[key] if key in plugin.kinds else value for key, value in GENERATE.items()},
        **{key: recipe["defaults"][key] for key in ("max_tokens", "examples", "about")},
    }


def test_the_recipe_of_an_architecture_has_its_task():
    for name in ("my-cell", "to_words", "orders", "tide", "cities", "both"):
        recipe = tomllib.loads(PLUGINS[name].files()[f"{name}.toml"])
        assert (recipe["task"], recipe["architecture"]) == (PLUGINS[name].task, name)
    assert (recipe["target_tokenizer"]["name"], recipe["defaults"]["sampler"]) == ("both", "both temperature=0.6")


def test_with_json_plugins_new_prints_one_object(folder, capsys):
    assert main(["plugins", "new", "tide", "--kind", "sampler", "--json"]) == 0

    (line,) = capsys.readouterr().out.splitlines()
    result = json.loads(line)
    assert (result["name"], result["kind"], result["path"]) == ("tide", "sampler", str(folder / "tide"))
    assert result["kinds"] == ["sampler"]
    assert "seqshell_tide/sampler.py" in result["files"]


def test_a_name_that_ends_with_the_kind_gives_a_class_that_names_it_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert main(["plugins", "new", "my-strategy", "--kind", "strategy"]) == 0
    assert "class MyStrategy:" in (tmp_path / "my-strategy" / "seqshell_my_strategy" / "strategy.py").read_text()
