"""`seqshell plugins new`: what it writes installs from a wheel, passes its own tests unchanged and keeps the contract."""

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
    """A folder with a distribution of each kind."""
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
    """An environment in which they are installed from their wheels."""
    return environment(*(written / name for name in KINDS))


@pytest.fixture(scope="module")
def tried(installed, written):
    """What came of them where only wheels are installed: by the name of the trial, and all that was printed. One process imports torch once."""
    folders = [installed.source(written / name) for name in KINDS]
    code = """if True:
        import contextlib, io, json, sys
        from pathlib import Path
        import pytest
        from seqshell.cli import main
        folders = [Path(word) for word in sys.argv[1:]]
        found = {"own tests": pytest.main(["-q", "-p", "no:cacheprovider", "--import-mode=importlib", *sys.argv[1:]])}
        found |= {f"check {folder.name}": main(["plugins", "check", folder.name]) for folder in folders}
        def said(options, *lines):
            told = io.StringIO()
            with contextlib.redirect_stdout(told):
                code = main([*options, *(word for line in lines for word in ("-c", line))])
            print(told.getvalue())
            return code, told.getvalue()
        for folder in folders:
            name, further = folder.name, ("/set max_tokens 9", "/tally 5" if folder.name == "tally" else "This", "/text")
            found[f"train {name}"] = main(["train", str(folder / f"{name}.toml"), "--set", "training.epochs=1"])
            talked, before = said(["-m", name], "/sampler", "/strategy", "This", f"/save {name}", *further)
            again, after = said(["--restore", name], *further)
            found[f"talk {name}"] = talked or again or not (len(after) > 20 and before.endswith(after))
        print()
        print(json.dumps(found))
    """
    done = installed.run("python", "-c", code, *folders)
    told = done.stdout + done.stderr
    assert done.returncode == 0, told
    return json.loads(done.stdout.splitlines()[-1]), told


def test_their_own_tests_pass_unchanged_where_only_wheels_are_installed(tried):
    found, told = tried

    assert found["own tests"] == 0, told
    assert "20 passed" in told


@pytest.mark.parametrize("name", KINDS)
def test_each_passes_plugins_check(tried, name):
    found, told = tried

    assert found[f"check {name}"] == 0, told


@pytest.mark.parametrize(
    ("name", "shown"), [("my-cell", ""), ("my_cut", "my_cut=1 temperature=0.6"), ("MyWay", "MyWay"), ("tally", "")]
)
def test_the_recipe_of_each_trains_a_model_that_talks_with_it_and_goes_on_after_a_restore(tried, name, shown):
    found, told = tried

    assert (found[f"train {name}"], found[f"talk {name}"]) == (0, 0), told
    assert shown in told.splitlines()


def test_they_are_listed_with_the_distribution_that_they_come_from(installed):
    listed = json.loads(installed.seqshell("plugins", "list", "--json").stdout)["plugins"]

    found = {each["name"]: (each["distribution"], each["version"], each["state"]) for each in listed}
    assert {name: found.get(name) for name in KINDS} == {
        name: (normalized(f"seqshell-{name}"), "0.1.0", "loaded") for name in KINDS
    }


@pytest.mark.parametrize("name", KINDS)
def test_torch_and_numpy_are_imported_in_the_modules_that_need_them_and_nowhere_else(written, name):
    """In a fresh interpreter, for what a start imports: the package itself."""
    module = f"seqshell_{name.replace('-', '_')}"
    code = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=written / name, capture_output=True, text=True, check=True)

    assert module in done.stdout.split()
    assert not {"torch", "numpy"} & set(done.stdout.split())


def test_what_it_writes_is_clean_by_the_rules_of_this_project(written):
    rules = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["ruff"]
    options = [
        "--isolated",
        "--no-cache",
        f"--line-length={rules['line-length']}",
        f"--select={','.join(rules['lint']['select'])}",
    ]
    for name in KINDS:
        done = subprocess.run(
            [sys.executable, "-m", "ruff", "check", *options, "."],
            cwd=written / name,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(("name", "kind"), KINDS.items())
def test_every_blank_of_the_templates_is_filled_in(name, kind):
    files = distribution_files(name, kind)

    assert not [path for path, text in files.items() if "{{" in path + text or "package" in path.split("/")]
    assert tomllib.loads(files["pyproject.toml"])["project"]["entry-points"]["seqshell"] == {
        name: f"seqshell_{name.replace('-', '_')}"
    }


def test_it_tells_what_to_do_next(folder, capsys):
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
def test_the_recipe_of_each_uses_it(name, kind):
    recipe = tomllib.loads(distribution_files(name, kind)[f"{name}.toml"])

    found = {"architecture": recipe["architecture"], **recipe["defaults"]}
    usual = {"architecture": "gru", "strategy": "sample", "sampler": "min_p=0.05 temperature=0.6"}
    own = {"architecture": name, "strategy": name, "sampler": f"{name} temperature=0.6"}
    assert {key: found[key] for key in usual} == {
        key: own[key] if key == kind else value for key, value in usual.items()
    }


def test_as_json_it_is_one_object(folder, capsys):
    assert main(["plugins", "new", "tide", "--kind", "sampler", "--json"]) == 0

    (line,) = capsys.readouterr().out.splitlines()
    told = json.loads(line)
    assert (told["name"], told["kind"], told["path"]) == ("tide", "sampler", str(folder / "tide"))
    assert "seqshell_tide/sampler.py" in told["files"]


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
def test_a_name_that_cannot_be_used_is_refused_in_one_line_and_nothing_is_written(folder, capsys, name, kind, reason):
    assert main(["plugins", "new", name, "--kind", kind]) == 2

    (line,) = capsys.readouterr().err.splitlines()
    assert reason in line
    assert not list(folder.iterdir())


def test_a_folder_that_is_here_already_is_refused_and_left_as_it_is(folder, capsys):
    (folder / "tide").mkdir()

    assert main(["plugins", "new", "tide"]) == 2

    assert "tide already exists here" in capsys.readouterr().err
    assert not list((folder / "tide").iterdir())


def test_a_place_that_cannot_be_written_is_told_in_one_line(folder, monkeypatch, capsys):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)

    assert main(["plugins", "new", "tide"]) == 2
    assert capsys.readouterr().err.splitlines()[-1].endswith("cannot write tide here: Permission denied")
