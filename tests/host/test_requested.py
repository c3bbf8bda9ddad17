"""-p and `plugins check` accept the same names and paths, and a source wins over the plugin installed from it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from seqshell.core.errors import UsageError
from seqshell.host.command_lines import command_line
from seqshell.host.finding import outside
from seqshell.host.policy import Policy
from seqshell.host.requested import plugins_named

POEM = Path(__file__).parents[1] / "plugins" / "distributions" / "poem"
LAZY = """
import seqshell

@seqshell.hookimpl
def seqshell_samplers():
    yield seqshell.Lazy("halve", "mine.inside:halve")
"""
PROJECT = "[project]\nname = 'Seqshell_Mine'\nversion = '3.4'\n[project.entry-points.seqshell]\nshort = 'mine'\n"


@pytest.fixture
def project(site, tmp_path, monkeypatch):
    """A distribution's folder with the package `mine`, whose sampler is in another module of it."""
    package = tmp_path / "project" / "mine"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(LAZY)
    (package / "inside.py").write_text(site.sampler("halve"))
    (tmp_path / "project" / "pyproject.toml").write_text(PROJECT)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "mine", raising=False)  # of another test
    return tmp_path / "project"


def places(registry):
    """The names of the plugins with their distributions and versions, and the file of the sampler halve."""
    file = sys.modules[registry.samplers["halve"].__module__].__file__
    names = [(info.name, info.distribution, info.version) for info in registry.plugins if info.name != "seqshell"]
    return names, os.path.realpath(file)


@pytest.mark.parametrize("path", ["project", "./project", "{tmp}/project", "project/"])
def test_p_loads_the_entry_points_of_a_distributions_folder(site, project, tmp_path, path):
    registry = site.registry(no_plugins=True, extra=(path.format(tmp=tmp_path),))
    assert registry.problems == registry.notices == ()
    assert places(registry) == ([("short", "seqshell-mine", "3.4")], str(project / "mine" / "inside.py"))
    assert registry.owner("sampler", "halve") == "short"


def test_a_command_line_to_paste_repeats_each_p(site, project, tmp_path):
    extra = ("./project", "short", f"{tmp_path}/my plugin.py")
    (tmp_path / "my plugin.py").write_text(site.sampler("third"))

    assert command_line(site.registry(no_plugins=True), "-m", "x") == "seqshell -m x"
    assert command_line(site.registry(no_plugins=True, extra=extra), "-m", "a model") == (
        f"seqshell -p ./project -p short -p '{tmp_path}/my plugin.py' -m 'a model'"
    )


def test_p_loads_a_distribution_whose_modules_are_in_src(site, project):
    (project / "src").mkdir()
    (project / "mine").rename(project / "src" / "mine")
    registry = site.registry(extra=("./project",))
    assert places(registry) == ([("short", "seqshell-mine", "3.4")], str(project / "src" / "mine" / "inside.py"))


def test_p_loads_the_folder_it_is_called_in(site, project, monkeypatch):
    monkeypatch.chdir(project)
    for name in (".", "./", "mine", "./mine"):
        (plugin,) = plugins_named(name, outside(Policy(), [str(site.folder)]))
        assert (plugin.name, plugin.place) == (
            ("short", str(project)) if "mine" not in name else ("mine", str(project / "mine"))
        )


def test_p_loads_a_package_under_its_own_name_and_a_file_under_its(site, project, tmp_path):
    (tmp_path / "loose.py").write_text(site.sampler("loose"))
    registry = site.registry(extra=("project/mine", "loose.py"))
    assert places(registry) == ([("mine", "", ""), ("loose", "", "")], str(project / "mine" / "inside.py"))
    assert registry.owner("sampler", "loose") == "loose"


def test_p_loads_a_distribution_of_these_tests(site, monkeypatch):
    registry = site.registry(extra=(str(POEM),))
    try:
        assert [(info.name, info.distribution) for info in registry.plugins[1:]] == [("poem", "seqshell-poem")]
        assert registry.owner("command", "poem") == "poem"
        assert registry.commands["poem"].name == "poem"
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "seqshell_poem"]:
            monkeypatch.delitem(sys.modules, name)


def test_the_same_source_twice_is_one_plugin(site, project):
    registry = site.registry(extra=("project", "./project", str(project)))
    assert places(registry)[0] == [("short", "seqshell-mine", "3.4")]
    assert registry.plugin("short").named == ("project", "./project", str(project))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("./gone", "no file ./gone"),
        ("gone.py", "no file gone.py"),
        ("./empty", "./empty contains neither pyproject.toml nor __init__.py"),
        ("broken", "broken/pyproject.toml: Expected '='"),
        ("gone", "no plugin, distribution, module or file named 'gone'"),
    ],
)
def test_p_and_check_say_the_same_of_a_name_that_means_no_plugin(site, project, tmp_path, name, message):
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "pyproject.toml").write_text("not toml")
    with pytest.raises(UsageError) as error:
        plugins_named(name, outside(Policy(), [str(site.folder)]))
    assert error.value.message.startswith(message)
    (problem,) = site.registry(extra=(name,)).problems
    assert problem.message == f"the plugin {Path(name).stem}: the import failed: {error.value.message}"


@pytest.fixture
def installed(site, project):
    """Another version of the package of `project`, installed."""
    package = site.folder / "mine"
    package.mkdir()
    (package / "__init__.py").write_text(LAZY)
    (package / "inside.py").write_text(site.sampler("halve"))
    site.install("unused", "", distribution="seqshell-mine")
    (site.folder / "seqshell_mine-1.2.dist-info" / "entry_points.txt").write_text("[seqshell]\nshort = mine\n")
    return package


@pytest.mark.parametrize(("path", "version"), [("project", "3.4"), ("./project/mine", "")])
def test_the_source_of_an_installed_plugin_wins_with_one_notice_of_both_places(
    site, project, installed, tmp_path, path, version
):
    assert places(site.registry())[1] == str(installed / "inside.py")
    for name in ("mine", "mine.inside"):
        del sys.modules[name]
    registry = site.registry(extra=(path,))
    assert places(registry) == ([("short", "seqshell-mine", version)], str(project / "mine" / "inside.py"))
    assert registry.samplers["halve"] is registry.samplers["short/halve"]
    assert registry.notices == (
        f"the plugin short (seqshell-mine) is loaded from {(tmp_path / path).resolve()}, not from {installed}",
    )
    assert registry.problems == registry.warnings == ()


def test_the_source_of_an_installed_file_wins(site, tmp_path, monkeypatch):
    site.install("top", site.sampler("halve"), distribution="seqshell-top", entry="short")
    (tmp_path / "top.py").write_text(site.sampler("halve"))
    registry = site.registry(extra=(str(tmp_path / "top.py"),))
    assert places(registry) == ([("short", "seqshell-top", "")], str(tmp_path / "top.py"))
    assert registry.notices == (
        f"the plugin short (seqshell-top) is loaded from {tmp_path / 'top.py'}, not from {site.folder / 'top.py'}",
    )


def test_an_installed_plugin_that_imports_another_gets_the_source_of_it(site, project, installed):
    site.install("above", "import mine\nplace = mine.__file__\n" + site.sampler("above"))
    registry = site.registry(extra=("./project",))
    assert sys.modules["above"].place == str(project / "mine" / "__init__.py")
    assert [info.name for info in registry.plugins] == ["seqshell", "short", "above"]


def test_a_source_that_is_itself_installed_is_loaded_once_and_without_a_notice(site, project, monkeypatch):
    """As after `pip install -e`."""
    site.install("unused", "", distribution="seqshell-mine")
    (site.folder / "seqshell_mine-1.2.dist-info" / "entry_points.txt").write_text("[seqshell]\nshort = mine\n")
    monkeypatch.syspath_prepend(project)
    for path in ("./project", "./project/mine"):
        registry = site.registry(extra=(path,))
        assert [info.name for info in registry.plugins] == ["seqshell", "short"]
        assert places(registry)[1] == str(project / "mine" / "inside.py")
        assert registry.notices == registry.problems == ()


def test_every_command_that_takes_p_says_once_which_source_wins(site, project, installed, tmp_path):
    environ = {"SEQSHELL_HOME": str(tmp_path / "home"), "PYTHONPATH": str(site.folder), "PATH": os.environ["PATH"]}
    notice = f"the plugin short (seqshell-mine) is loaded from {project}, not from {installed}"
    for arguments in (
        ["-p", "./project", "-m", "shakespeare", "-c", "/sampler halve"],
        ["train", "-p", "./project", "--defaults", "gru"],
        ["plugins", "check", "./project"],
        ["plugins", "list", "-p", "./project"],
    ):
        done = subprocess.run(
            [sys.executable, "-m", "seqshell", *arguments], cwd=tmp_path, capture_output=True, text=True, env=environ
        )
        assert (done.returncode, (done.stdout + done.stderr).count(notice)) == (0, 1), done
