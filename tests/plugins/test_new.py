"""`seqshell plugins new`: the packages it writes install from wheels and pass their own tests and all checks."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from seqshell.cli import main
from seqshell.cli.plugins_new import distribution_files
from seqshell.host.entry_points import normalized

KINDS = {"my-cell": "architecture", "my_cut": "sampler", "MyWay": "strategy", "tally": "command"}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A folder with a new package of each kind."""
    folder = tmp_path_factory.mktemp("written")
    before = Path.cwd()
    os.chdir(folder)
    try:
        for name, kind in KINDS.items():
            assert main(["plugins", "new", name, "--kind", kind]) == 0
    finally:
        os.chdir(before)
    return folder


@pytest.fixture(scope="module")
def installed(environment, written):
    """An environment in which all packages are installed from wheels."""
    return environment(*(written / name for name in KINDS))


@pytest.fixture(scope="module")
def results(installed, written):
    """Exit codes by the name of the run, and all output. Everything runs in one process, which imports torch once.

    Runs each package's own tests, `plugins check`, a short training, and a session that is saved and restored.
    """
    folders = [installed.source(written / name) for name in KINDS]
    code = """if True:
        import contextlib, io, json, sys
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
            name, more = folder.name, ("/set max_tokens 9", "/tally 5" if folder.name == "tally" else "This", "/text")
            codes[f"train {name}"] = main(["train", str(folder / f"{name}.toml"), "--set", "training.epochs=1"])
            first, before = session(["-m", name], "/sampler", "/strategy", "This", f"/save {name}", *more)
            second, after = session(["--restore", name], *more)
            codes[f"session {name}"] = first or second or not (len(after) > 20 and before.endswith(after))
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
    assert "20 passed" in output


@pytest.mark.parametrize("name", KINDS)
def test_each_package_passes_plugins_check(results, name):
    codes, output = results

    assert codes[f"check {name}"] == 0, output


@pytest.mark.parametrize(
    ("name", "shown"), [("my-cell", ""), ("my_cut", "my_cut=1 temperature=0.6"), ("MyWay", "MyWay"), ("tally", "")]
)
def test_each_recipe_trains_a_model_whose_saved_session_continues_the_same(results, name, shown):
    codes, output = results

    assert (codes[f"train {name}"], codes[f"session {name}"]) == (0, 0), output
    assert shown in output.splitlines()


def test_plugins_list_names_the_distribution_of_each(installed):
    listed = json.loads(installed.seqshell("plugins", "list", "--json").stdout)["plugins"]

    plugins = {plugin["name"]: (plugin["distribution"], plugin["version"], plugin["state"]) for plugin in listed}
    assert {name: plugins.get(name) for name in KINDS} == {
        name: (normalized(f"seqshell-{name}"), "0.1.0", "loaded") for name in KINDS
    }


@pytest.mark.parametrize("name", KINDS)
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
    for name in KINDS:
        result = subprocess.run(
            [sys.executable, "-m", "ruff", "check", *options, "."],
            cwd=written / name,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(("name", "kind"), KINDS.items())
def test_every_placeholder_of_the_templates_is_replaced(name, kind):
    files = distribution_files(name, kind)

    assert not [path for path, text in files.items() if "{{" in path + text or "package" in path.split("/")]
    assert tomllib.loads(files["pyproject.toml"])["project"]["entry-points"]["seqshell"] == {
        name: f"seqshell_{name.replace('-', '_')}"
    }


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
        "tide/tests/test_plugin.py",
        "tide/tide.toml",
        "tide/tide.txt",
    ]


@pytest.mark.parametrize(("name", "kind"), KINDS.items())
def test_the_recipe_of_a_new_package_uses_what_it_offers(name, kind):
    recipe = tomllib.loads(distribution_files(name, kind)[f"{name}.toml"])

    actual = {"architecture": recipe["architecture"], **recipe["defaults"]}
    default = {"architecture": "gru", "strategy": "sample", "sampler": "min_p=0.05 temperature=0.6"}
    own = {"architecture": name, "strategy": name, "sampler": f"{name} temperature=0.6"}
    assert {key: actual[key] for key in default} == {
        key: own[key] if key == kind else value for key, value in default.items()
    }


def test_with_json_plugins_new_prints_one_object(folder, capsys):
    assert main(["plugins", "new", "tide", "--kind", "sampler", "--json"]) == 0

    (line,) = capsys.readouterr().out.splitlines()
    result = json.loads(line)
    assert (result["name"], result["kind"], result["path"]) == ("tide", "sampler", str(folder / "tide"))
    assert "seqshell_tide/sampler.py" in result["files"]


@pytest.mark.parametrize(
    ("name", "kind", "reason"),
    [
        ("9lives", "sampler", "is not a valid plugin name"),
        ("a/b", "sampler", "is not a valid plugin name"),
        ("..", "sampler", "is not a valid plugin name"),
        ("a--b", "sampler", "is not a valid plugin name"),
        ("tide.py", "sampler", "is not a valid plugin name"),
        ("é", "sampler", "is not a valid plugin name"),
        ("x" * 41, "sampler", "is not a valid plugin name"),
        ("seqshell-tide", "sampler", "leave out the prefix"),
        ("recurrent", "sampler", "the name of a built-in plugin"),
        ("gru", "architecture", "the name of a built-in architecture"),
        ("top-k", "sampler", "the name of a built-in sampler"),
        ("beam", "strategy", "the name of a built-in strategy"),
        ("undo", "command", "the name of a built-in command"),
    ],
)
def test_an_invalid_name_is_refused_in_one_line_and_nothing_is_written(folder, capsys, name, kind, reason):
    assert main(["plugins", "new", name, "--kind", kind]) == 2

    (line,) = capsys.readouterr().err.splitlines()
    assert reason in line
    assert not list(folder.iterdir())


def test_an_existing_folder_is_refused_and_not_changed(folder, capsys):
    (folder / "tide").mkdir()

    assert main(["plugins", "new", "tide"]) == 2

    assert "tide already exists here" in capsys.readouterr().err
    assert not list((folder / "tide").iterdir())


def test_an_unwritable_folder_is_reported_in_one_line(folder, monkeypatch, capsys):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)

    assert main(["plugins", "new", "tide"]) == 2
    assert capsys.readouterr().err.splitlines()[-1].endswith("cannot write tide here: Permission denied")
