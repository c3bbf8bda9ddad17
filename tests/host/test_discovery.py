"""Plugins are found in installed distributions, in the plugins folder, with -p, and as objects."""

import importlib.metadata
import subprocess
import sys
from types import SimpleNamespace

from seqshell.host import Policy, build_registry, builtin, entry_points


def test_entry_points_finds_the_same_as_importlib_metadata(monkeypatch, tmp_path):
    folders = [tmp_path / "first", tmp_path / "second", tmp_path / "none"]
    for number, (folder, name, text) in enumerate(
        [
            ("first", "Some.Plugin-1.0.dist-info", "[seqshell]\na = pkg_a\n"),
            (
                "first",
                "other_one-2.dist-info",
                "[seqshell]\n\n; odd = but it is read\nb=pkg_b:Plugin [extra]\n[console_scripts]\nc = d\n",
            ),
            ("first", "developed.egg-info", "[seqshell]\ne = pkg_e\n"),
            ("first", "no_entry_points-1.dist-info", None),
            ("second", "some_plugin-0.9.dist-info", "[seqshell]\na = hidden\n"),
            ("second", "same.name-1.dist-info", "[seqshell]\na = pkg_same\n"),
        ]
    ):
        info = tmp_path / folder / name
        info.mkdir(parents=True)
        if text is not None:
            (info / "entry_points.txt").write_text(text)
        title = "PKG-INFO" if name.endswith("egg-info") else "METADATA"
        (info / title).write_text(
            f"Metadata-Version: 2.1\nName: {name.partition('-')[0].removesuffix('.egg')}\nVersion: {number}\n"
        )
    monkeypatch.setattr(sys, "path", [*map(str, folders), *sys.path])

    expected = sorted((point.name, point.value) for point in importlib.metadata.entry_points(group="seqshell"))
    assert sorted((point.name, point.target) for point in entry_points()) == expected
    assert {"pkg_a", "pkg_same", "pkg_e"} <= {target for _, target in expected}
    assert "hidden" not in {target for _, target in expected}
    for group in ("console_scripts", "pytest11", "none"):
        expected = sorted((point.name, point.value) for point in importlib.metadata.entry_points(group=group))
        assert sorted((point.name, point.target) for point in entry_points(group=group)) == expected


def test_the_slow_scan_builds_the_same_registry(site):
    site.install("good", site.sampler("halve"), distribution="seqshell.good")
    fast = build_registry([builtin], Policy())
    slow = build_registry([builtin], Policy(slow_scan=True))

    assert [(info.name, info.distribution, info.version) for info in fast.plugins] == [
        (info.name, info.distribution, info.version) for info in slow.plugins
    ]
    assert slow.plugin("good").distribution == "seqshell-good"


def test_plugins_in_the_current_directory_are_not_loaded(tmp_path):
    """Neither `python -m seqshell` nor `python -c` may run a distribution or package that someone put there."""
    (tmp_path / "planted.py").write_text("raise SystemExit('planted code ran')")
    info = tmp_path / "planted-1.dist-info"
    info.mkdir()
    (info / "entry_points.txt").write_text("[seqshell]\nplanted = planted\n")
    code = "from seqshell.host.builtin import load_registry; print([plugin.name for plugin in load_registry().plugins])"
    for arguments in (["-c", code], ["-m", "seqshell", "plugins", "list"]):
        environ = {"SEQSHELL_HOME": str(tmp_path / "home")}
        done = subprocess.run(
            [sys.executable, *arguments], cwd=tmp_path, capture_output=True, text=True, check=True, env=environ
        )
        assert "recurrent" in done.stdout
        assert "planted" not in done.stdout


def test_a_loaded_plugin_is_listed_with_its_details(site):
    site.install("good", site.sampler("halve"), distribution="seqshell-good")
    registry = site.registry()

    info = registry.plugin("good")
    assert (info.distribution, info.version, info.hooks, info.state) == (
        "seqshell-good",
        "1.2",
        ("seqshell_samplers",),
        "loaded",
    )
    assert info.import_ms > 0
    assert registry.owner("sampler", "halve") == registry.owner("samplers", "halve") == "good"
    assert registry.samplers["halve"] is registry.samplers["good/halve"] is registry.lookup("sampler", "halve")
    assert registry.problems == registry.warnings == ()


def test_files_and_packages_in_the_plugins_folder_are_plugins_named_after_them(site, tmp_path, states):
    plugins = tmp_path / "home" / "plugins"
    (plugins / "pack").mkdir(parents=True)
    (plugins / "mine.py").write_text(site.sampler("halve"))
    (plugins / "json.py").write_text(site.sampler("braces"))
    (plugins / "_draft.py").write_text("raise RuntimeError")
    (plugins / "notes.txt").write_text("not a plugin")
    (plugins / "pack" / "__init__.py").write_text(
        site.hook("seqshell_samplers", "yield seqshell.Lazy('inner', 'pack.inside:inner')")
    )
    (plugins / "pack" / "inside.py").write_text(site.sampler("inner"))
    registry = site.registry()

    assert states(registry) == {"json": "loaded", "mine": "loaded", "pack": "loaded"}
    assert registry.owner("sampler", "halve") == "mine"
    assert registry.samplers["inner"].__module__ == "pack.inside"
    import json

    assert json.loads("1") == 1  # a plugin's file does not replace a module of the standard library


def test_p_loads_a_module_a_file_or_an_installed_plugin_under_every_policy(site, tmp_path, states):
    site.install("installed", site.sampler("one"), entry="short")
    (site.folder / "loose.py").write_text(site.sampler("two"))
    (tmp_path / "file.py").write_text(site.sampler("three"))
    for name in ("installed", "short"):
        registry = site.registry(no_plugins=True, extra=(name,))
        assert states(registry) == {"short": "loaded"}
    registry = site.registry(no_plugins=True, extra=("loose", str(tmp_path / "file.py")))

    assert states(registry) == {"short": "disabled", "loose": "loaded", "file": "loaded"}
    assert [registry.owner("sampler", name) for name in ("two", "three")] == ["loose", "file"]


def test_a_missing_p_argument_is_reported(site, tmp_path):
    registry = site.registry(extra=("no_such_module", str(tmp_path / "none.py"), "not a name"))
    assert [problem.plugin for problem in registry.problems] == ["no_such_module", "none", "not a name"]
    assert "no plugin, distribution, module or file named 'no_such_module'" in registry.problems[0].message
    assert f"no file {tmp_path / 'none.py'}" in registry.problems[1].message


def test_plugins_can_be_passed_as_objects(site, states):
    source = SimpleNamespace(__name__="package.mine")
    exec(site.sampler("halve"), vars(source))
    source.__name__ = "package.mine"
    registry = build_registry([builtin], Policy(no_plugins=True), modules=[source], folders=[])

    assert registry.owner("sampler", "halve") == "mine"
    assert states(registry) == {"mine": "loaded"}


def test_checkpoint_folders_of_plugins_are_listed(site):
    site.install("ships", site.hook("seqshell_checkpoints", f"yield {str(site.folder)!r}"))
    assert site.registry().checkpoint_folders == (site.folder,)
