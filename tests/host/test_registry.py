"""Plugins are found, chosen, told apart and left out: one that fails takes nothing with it."""

import importlib.metadata
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest

from seqshell.core.errors import PluginError, UsageError
from seqshell.host import Policy, build_registry, builtin, entry_points, resolve, slow_import

SAMPLER = """
import dataclasses, seqshell

@dataclasses.dataclass(frozen=True)
class {name}:
    name = "{name}"
    def __call__(self, logits, context):
        return logits

@seqshell.hookimpl
def seqshell_samplers():
    yield {name}
"""


class Site:
    """A folder on the import path into which distributions with plugins are installed."""

    def __init__(self, folder):
        self.folder = folder

    def install(self, name, source, *, distribution=None, entry=None, version="1.2"):
        """A module `name` with an entry point `entry = name`."""
        (self.folder / f"{name}.py").write_text(source)
        title = distribution or name
        info = self.folder / f"{title.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {title}\nVersion: {version}\n")
        points = f"[console_scripts]\nx = {name}\n\n[seqshell]\n# a comment\n{entry or name} = {name}\n[other]\ny = z\n"
        (info / "entry_points.txt").write_text(points)

    def registry(self, **policy):
        return build_registry([builtin], Policy(**policy), folders=[str(self.folder)])


@pytest.fixture
def site(tmp_path, monkeypatch):
    """Modules that are imported from it are forgotten afterwards."""
    for name in ("SEQSHELL_PLUGINS", "SEQSHELL_STRICT_PLUGINS", "SEQSHELL_SLOW_SCAN"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    before = set(sys.modules)
    yield Site(folder)
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def infos(registry):
    return {info.name: info for info in registry.plugins}


def states(registry):
    return {info.name: info.state for info in registry.plugins if info.name != "seqshell"}


# Finding


def test_the_own_scan_finds_what_importlib_metadata_finds(monkeypatch, tmp_path):
    folders = [tmp_path / "first", tmp_path / "second", tmp_path / "none"]
    for number, (folder, name, text) in enumerate(
        [
            ("first", "Some.Plugin-1.0.dist-info", "[seqshell]\na = pkg_a\n"),
            (
                "first",
                "other_one-2.dist-info",
                "[seqshell]\n\n; odd = but so it is read\nb=pkg_b:Plugin [extra]\n[console_scripts]\nc = d\n",
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
    site.install("good", SAMPLER.format(name="halve"), distribution="seqshell.good")
    fast = build_registry([builtin], Policy())
    slow = build_registry([builtin], Policy(slow_scan=True))

    assert [(info.name, info.distribution, info.version) for info in fast.plugins] == [
        (info.name, info.distribution, info.version) for info in slow.plugins
    ]
    assert infos(slow)["good"].distribution == "seqshell-good"


def test_the_current_directory_is_not_searched(tmp_path):
    """A planted distribution and a planted package must not run, neither with -m nor with -c."""
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


def test_a_good_plugin_is_listed_with_all_that_is_known_of_it(site):
    site.install("good", SAMPLER.format(name="halve"), distribution="seqshell-good")
    registry = site.registry()

    info = infos(registry)["good"]
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


def test_files_and_packages_in_the_plugins_folder_are_owned_by_their_stem(site, tmp_path):
    plugins = tmp_path / "home" / "plugins"
    (plugins / "pack").mkdir(parents=True)
    (plugins / "mine.py").write_text(SAMPLER.format(name="halve"))
    (plugins / "json.py").write_text(SAMPLER.format(name="braces"))
    (plugins / "_draft.py").write_text("raise RuntimeError")
    (plugins / "notes.txt").write_text("no plugin")
    (plugins / "pack" / "__init__.py").write_text(
        "import seqshell\n@seqshell.hookimpl\ndef seqshell_samplers():\n    yield seqshell.Lazy('inner', 'pack.inside:inner')\n"
    )
    (plugins / "pack" / "inside.py").write_text(SAMPLER.format(name="inner"))
    registry = site.registry()

    assert states(registry) == {"json": "loaded", "mine": "loaded", "pack": "loaded"}
    assert registry.owner("sampler", "halve") == "mine"
    assert registry.samplers["inner"].__module__ == "pack.inside"
    import json

    assert json.loads("1") == 1  # a file may be called as a module of the library, and does not take its place


def test_p_loads_a_module_a_file_or_an_installed_plugin_whatever_the_policy_says(site, tmp_path):
    site.install("installed", SAMPLER.format(name="one"), entry="short")
    (site.folder / "loose.py").write_text(SAMPLER.format(name="two"))
    (tmp_path / "file.py").write_text(SAMPLER.format(name="three"))
    for word in ("installed", "short"):
        registry = site.registry(no_plugins=True, extra=(word,))
        assert states(registry) == {"short": "loaded"}
    registry = site.registry(no_plugins=True, extra=("loose", str(tmp_path / "file.py")))

    assert states(registry) == {"short": "disabled", "loose": "loaded", "file": "loaded"}
    assert [registry.owner("sampler", name) for name in ("two", "three")] == ["loose", "file"]


def test_a_p_that_does_not_exist_is_reported(site, tmp_path):
    registry = site.registry(extra=("no_such_module", str(tmp_path / "none.py"), "not a name"))
    assert [problem.plugin for problem in registry.problems] == ["no_such_module", "none", "not a name"]
    assert "No module named 'no_such_module'" in registry.problems[0].message
    assert "No such file" in registry.problems[1].message


def test_plugins_may_be_given_as_objects(site):
    source = SimpleNamespace(__name__="package.mine")
    exec(SAMPLER.format(name="halve"), vars(source))
    source.__name__ = "package.mine"
    registry = build_registry([builtin], Policy(no_plugins=True), modules=[source], folders=[])

    assert registry.owner("sampler", "halve") == "mine"
    assert states(registry) == {"mine": "loaded"}


# Choosing


def test_the_built_in_plugins_are_entry_points_of_seqshell_and_stay_with_no_plugins(site):
    site.install("good", SAMPLER.format(name="halve"))
    registry = build_registry([builtin], Policy(no_plugins=True))

    assert infos(registry)["good"].state == "disabled"
    assert "good" not in sys.modules
    built_in = [info for info in registry.plugins if info.builtin]
    assert {"seqshell", "recurrent", "samplers"} <= {info.name for info in built_in}
    assert {info.state for info in built_in} == {"loaded"}
    assert registry.owner("architecture", "lstm") == "recurrent"
    assert registry.owner("tokenizer", "char") == "seqshell"
    assert registry.problems == ()


def test_names_of_the_built_in_offers_are_all_different(site):
    registry = build_registry([builtin], Policy(no_plugins=True))
    for kind in ("architecture", "sampler", "strategy", "tokenizer", "command", "importer"):
        assert not [name for name in registry.offers(kind) if "/" in name]


@pytest.mark.parametrize("chosen", [("one",), ("seqshell-one",), ("one", "recurrent")])
def test_only_the_named_third_party_plugins_are_imported(site, chosen):
    site.install("one", SAMPLER.format(name="a"), distribution="seqshell_one")
    site.install("two", SAMPLER.format(name="b"))
    registry = site.registry(plugins=chosen)

    assert states(registry) == {"one": "loaded", "two": "disabled"}
    assert "two" not in sys.modules
    assert infos(registry)["two"].reason == "not named in SEQSHELL_PLUGINS"


def test_an_empty_list_means_no_third_party_plugin(site):
    site.install("one", SAMPLER.format(name="a"))
    assert states(site.registry(plugins=())) == {"one": "disabled"}


def test_disabled_plugins_are_not_imported_and_unknown_names_warn(site):
    site.install("one", SAMPLER.format(name="a"))
    site.install("two", SAMPLER.format(name="b"))
    registry = site.registry(disabled=("one", "onne"), plugins=("one", "two", "three"))

    assert states(registry) == {"one": "disabled", "two": "loaded"}
    assert "one" not in sys.modules
    assert registry.warnings == (
        "SEQSHELL_PLUGINS names 'three', but no plugin has this name",
        "[plugins] disable in config.toml names 'onne', but no plugin has this name",
    )
    assert registry.problems == ()


def test_a_built_in_plugin_can_be_disabled(site):
    registry = build_registry([builtin], Policy(disabled=("recurrent",), no_plugins=True))
    assert "lstm" not in registry.architectures
    assert infos(registry)["recurrent"].state == "disabled"


def test_the_policy_is_read_from_environment_and_config(site, tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "config.toml").write_text('[plugins]\ndisable = ["one"]\n')
    environ = {"SEQSHELL_PLUGINS": "a, b", "SEQSHELL_STRICT_PLUGINS": "1", "SEQSHELL_SLOW_SCAN": "0"}

    assert Policy.read(environ=environ, extra=["x.py"]) == Policy(("a", "b"), ("one",), extra=("x.py",), strict=True)
    assert Policy.read(environ={"SEQSHELL_PLUGINS": ""}) == Policy((), ("one",))
    assert Policy.read(environ={}, no_plugins=True) == Policy(None, ("one",), no_plugins=True)


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ("[plugins", "is not TOML"),
        ("[plugins]\ndisable = 'one'", "must be a list of names"),
        ("plugins = 1", "must be a list of names"),
    ],
)
def test_a_config_that_cannot_be_read_lets_no_third_party_plugin_run(site, tmp_path, config, reason):
    """What the user wanted left out must not run because of a typing mistake."""
    site.install("one", SAMPLER.format(name="a"))
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "config.toml").write_text(config)
    registry = build_registry([builtin], Policy.read(environ={}), folders=[str(site.folder)])

    assert states(registry) == {"one": "disabled"}
    assert reason in registry.warnings[0]
    assert registry.warnings[0].endswith("only the built-in plugins are loaded")


# Telling apart


def test_two_plugins_with_one_name_are_told_apart_and_neither_wins(site):
    site.install("one", SAMPLER.format(name="halve"))
    site.install("two", SAMPLER.format(name="halve") + "\nhalve.mark = 2")
    registry = site.registry()

    assert [name for name in registry.samplers if "halve" in name] == ["one/halve", "two/halve"]
    assert registry.lookup("sampler", "two/halve").mark == 2
    assert "halve" not in registry.samplers
    with pytest.raises(
        UsageError, match="several plugins offer the sampler 'halve': choose one/halve or two/halve"
    ) as error:
        registry.lookup("sampler", "halve")
    assert error.value.code == "ambiguous_sampler"


def test_the_short_name_of_a_built_in_stays_the_built_ins(site):
    site.install("one", SAMPLER.format(name="top_k"))
    registry = build_registry([builtin], Policy())

    assert registry.owner("sampler", "top_k") == "samplers"
    assert registry.owner("sampler", "one/top_k") == "one"
    assert registry.samplers["samplers/top_k"] is registry.samplers["top_k"] is not registry.samplers["one/top_k"]


def test_a_stranger_that_offers_a_built_in_name_is_told_and_owner_name_chooses_it(site):
    site.install("one", SAMPLER.format(name="top_k"), distribution="far-away")
    site.install("two", SAMPLER.format(name="own"))
    registry = build_registry([builtin], Policy())

    assert registry.warnings == (
        "the plugin one (far-away) offers the sampler top_k, which is also built in; write one/top_k to use the plugin's",
    )
    assert registry.lookup("sampler", "one/top_k").__module__ == "one"


def test_two_distributions_with_one_entry_point_name_are_both_found(site, tmp_path):
    site.install("module_a", SAMPLER.format(name="a"), distribution="dist-a", entry="same")
    site.install("module_b", SAMPLER.format(name="b"), distribution="dist_b", entry="same")
    (tmp_path / "home" / "plugins").mkdir(parents=True)
    (tmp_path / "home" / "plugins" / "same.py").write_text(SAMPLER.format(name="c"))
    registry = site.registry()

    assert states(registry) == {"dist-a.same": "loaded", "dist-b.same": "loaded", "file.same": "loaded"}
    assert registry.owner("sampler", "b") == "dist-b.same"
    assert registry.samplers.of("same", "b") == "b"  # a checkpoint that remembers the plain name still finds it
    assert states(site.registry(disabled=("dist-a",))) == {
        "dist-a.same": "disabled",
        "dist-b.same": "loaded",
        "file.same": "loaded",
    }


def test_what_remembers_a_plugin_as_it_was_given_with_p_finds_it_when_it_is_installed(site):
    """-p ./my_halves.py calls it my_halves, and so do checkpoints; the entry point of the distribution may be called otherwise."""
    site.install("my_halves", SAMPLER.format(name="halve"), distribution="dist-of-halves", entry="halves")
    registry = site.registry()

    assert registry.owner("sampler", "halve") == "halves"
    assert [registry.samplers.of(owner, "halve") for owner in ("halves", "my_halves", "dist-of-halves", "another")] == [
        "halve"
    ] * 3 + [None]


def test_a_plugins_own_name_goes_before_anothers_module(site):
    site.install("one", SAMPLER.format(name="halve"), entry="other")
    site.install("two", SAMPLER.format(name="halve"), entry="one")

    assert site.registry().samplers.of("one", "halve") == "one/halve"


def test_a_stranger_cannot_take_the_name_of_a_built_in_plugin(site):
    site.install("impostor", SAMPLER.format(name="halve"), entry="recurrent")
    site.install("another", SAMPLER.format(name="third"), entry="seqshell")
    registry = build_registry([builtin], Policy())

    assert registry.owner("sampler", "halve") == "impostor.recurrent"
    assert registry.owner("sampler", "third") == "another.seqshell"
    assert registry.owner("architecture", "lstm") == "recurrent"


def test_an_unknown_name_is_an_error_with_the_nearest_one(site):
    registry = build_registry([builtin], Policy(no_plugins=True))
    with pytest.raises(UsageError, match="no strategy 'gredy'; did you mean greedy") as error:
        registry.lookup("strategy", "gredy")
    assert (error.value.code, error.value.hint) == ("unknown_strategy", "greedy")
    with pytest.raises(UsageError, match="no tokenizer 'zzz'; available: char, byte, word, bpe"):
        registry.lookup("tokenizer", "zzz")


# Leaving out

HOOK = "import seqshell\n@seqshell.hookimpl\ndef {hook}({arguments}):\n    {body}\n"
FAULTY = {  # more animals, with models and a session beside them, are in the zoo of tests/plugins
    "raises on import": ("raise RuntimeError('two\\nlines')", "the import failed: RuntimeError: two lines"),
    "is cancelled": ("raise GeneratorExit", "the import failed: GeneratorExit"),
    "has no hook": ("x = 1", "it implements no hook"),
    "forgot the mark": (
        "def seqshell_samplers():\n    return []",
        "seqshell_samplers is not marked with @seqshell.hookimpl",
    ),
    "has a nonsensical api": ("seqshell_api = 'new'", "seqshell_api must be a version"),
    "has an api that is no text": ("seqshell_api = object()", "seqshell_api must be a version"),
    "raises in a generator": (
        HOOK.format(hook="seqshell_samplers", arguments="", body="yield 1 / 0"),
        "seqshell_samplers failed: ZeroDivisionError",
    ),
    "returns a number": (
        HOOK.format(hook="seqshell_samplers", arguments="", body="return 3"),
        "seqshell_samplers failed: TypeError",
    ),
    "returns a text": (
        HOOK.format(hook="seqshell_samplers", arguments="", body="return 'top'"),
        "returns a string instead of an iterable",
    ),
    "offers an instance": (
        HOOK.format(hook="seqshell_samplers", arguments="", body="yield seqshell.Notice('x')"),
        "a Notice is not a valid sampler",
    ),
    "offers an empty class": (
        HOOK.format(hook="seqshell_strategies", arguments="", body="yield type('A', (), {'name': 'a'})"),
        "A has no search, streams",
    ),
    "offers a class that is no dataclass": (
        HOOK.format(
            hook="seqshell_samplers", arguments="", body="yield type('A', (), {'name': 'a', '__call__': print})"
        ),
        "A is not a frozen dataclass",
    ),
    "offers a bad name": (
        HOOK.format(hook="seqshell_samplers", arguments="", body="yield seqshell.Lazy('a b', 'b:c')"),
        "its name must consist of letters",
    ),
    "offers a bad target": (
        HOOK.format(hook="seqshell_samplers", arguments="", body="yield seqshell.Lazy('a', 'b.c')"),
        "is not of the form",
    ),
    "offers a lazy architecture": (
        HOOK.format(hook="seqshell_architectures", arguments="", body="yield seqshell.Lazy('a', 'b:c')"),
        "offer an Architecture, not a Lazy",
    ),
    "offers an architecture for no task": (
        HOOK.format(
            hook="seqshell_architectures", arguments="", body="yield seqshell.Architecture('a', 'dance', 'a:B', 'a:C')"
        ),
        "has the task 'dance'; expected one of generate",
    ),
    "offers an architecture without model": (
        HOOK.format(
            hook="seqshell_architectures",
            arguments="",
            body="yield seqshell.Architecture('a', 'generate', 'a:B', None)",
        ),
        "the model of the architecture a must be a class or function or package.module:Name",
    ),
    "offers a function as command": (
        HOOK.format(hook="seqshell_commands", arguments="", body="yield print"),
        "is not a valid command",
    ),
    "offers a folder that is not there": (
        HOOK.format(hook="seqshell_checkpoints", arguments="", body="yield '/none'"),
        "'/none' is not a folder",
    ),
}


@pytest.mark.parametrize("fault", FAULTY)
def test_a_plugin_that_fails_is_named_and_left_out_whole(site, fault):
    """The bad one offers a sampler of another kind first, which must not stay; its neighbours on both sides go on."""
    source, reason = FAULTY[fault]
    first = "" if "seqshell_samplers" in source or "no hook" in reason else SAMPLER.format(name="stray")
    site.install("a_good", SAMPLER.format(name="before"))
    site.install("bad", f"{first}\n{source}", distribution="the-bad-one")
    site.install("z_good", SAMPLER.format(name="after"))
    registry = site.registry()

    assert states(registry) == {"a_good": "loaded", "bad": "failed", "z_good": "loaded"}
    assert {"before", "after"} == {name for name in registry.samplers if registry.owner("sampler", name) != "samplers"}
    (problem,) = registry.problems
    assert (problem.plugin, problem.distribution) == ("bad", "the-bad-one")
    assert problem.message.startswith("the plugin bad (the-bad-one): ")
    assert "\n" not in problem.message
    assert re.search(reason, problem.message), problem.message
    assert "Traceback" in problem.details
    assert infos(registry)["bad"].reason == problem.message
    assert not registry.listens("seqshell_token")


def test_keyboard_interrupt_is_not_a_plugins_fault(site):
    site.install("slow", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        site.registry()


def test_an_entry_point_that_names_nothing_is_reported(site):
    site.install("there", "", entry="a/b")
    (site.folder / "there-1.2.dist-info" / "entry_points.txt").write_text(
        "[seqshell]\na = there:missing\nb = gone.away\nc = x y\nd/e = there\n"
    )
    messages = {problem.plugin: problem.message for problem in site.registry().problems}

    assert "has no attribute 'missing'" in messages["a"]
    assert "No module named 'gone'" in messages["b"]
    assert "'x y' is not of the form package.module:Name" in messages["c"]
    assert "invalid plugin name" in messages["d/e"]


def test_an_optional_hook_of_a_later_version_does_no_harm(site):
    site.install(
        "newer",
        SAMPLER.format(name="halve") + "\n@seqshell.hookimpl(optionalhook=True)\ndef seqshell_dreams():\n    return []",
    )
    assert states(site.registry()) == {"newer": "loaded"}


def test_a_plugin_of_this_api_says_so(site):
    site.install("exact", "seqshell_api = '1'\n" + SAMPLER.format(name="halve"))
    site.install("minor", "seqshell_api = '1.3'\n" + SAMPLER.format(name="third"))
    assert states(site.registry()) == {"exact": "loaded", "minor": "loaded"}


def test_under_a_strict_policy_a_plugin_that_fails_ends_the_start(site):
    site.install("bad", "raise RuntimeError('no')")
    with pytest.raises(PluginError, match=r"the plugin bad .*: the import failed: RuntimeError: no"):
        site.registry(strict=True)
    assert states(site.registry(strict=True, no_plugins=True)) == {"bad": "disabled"}


def test_a_plugin_that_imports_torch_at_module_level_is_told_so(site, monkeypatch):
    site.install(
        "heavy", "import sys, types\nsys.modules['torch'] = types.ModuleType('torch')\n" + SAMPLER.format(name="halve")
    )
    monkeypatch.setitem(sys.modules, "torch", None)  # so that what stands there afterwards is what stood there before
    monkeypatch.delitem(sys.modules, "torch")
    registry = site.registry()

    assert states(registry) == {"heavy": "loaded"}
    assert registry.warnings[0].startswith("the plugin heavy (heavy) imports torch at module level")


def test_what_a_plugin_prints_while_it_is_loaded_goes_to_no_terminal(site, capfd):
    printing = "import sys\nprint('hello\\x1b[2J')\nprint('there', file=sys.stderr)\n"
    site.install("chatty", printing + SAMPLER.format(name="halve"), distribution="lou-d")
    registry = site.registry()

    assert registry.warnings == ("the plugin chatty (lou-d) printed while it was loaded: hello\x1b[2J there",)
    assert capfd.readouterr() == ("", "")
    assert states(registry) == {"chatty": "loaded"}


def test_a_slow_import_is_announced_while_it_lasts(site, monkeypatch):
    monkeypatch.setattr(slow_import, "SLOW", 0.05)
    site.install("slow", "import time, slow_told\nwhile not slow_told.told: time.sleep(0.01)\n")
    (site.folder / "slow_told.py").write_text("told = []")
    site.install("swift", SAMPLER.format(name="halve"))
    import slow_told

    build_registry([builtin], Policy(), folders=[str(site.folder)], on_slow=slow_told.told.append)
    assert slow_told.told == ["the plugin slow (slow) takes more than a second to import"]


# Lazy targets


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("gone:Thing", "gone:Thing cannot be imported: ModuleNotFoundError"),
        ("lazy:Thing", "has no attribute 'Thing'"),
        ("lazy:number", "lazy:number is not valid as the sampler late: 3 is not a class"),
        ("lazy:other", "other has the name 'other', but is offered as 'late'"),
    ],
)
def test_a_lazy_target_that_fails_is_reported_once_when_it_is_first_used(site, target, reason):
    site.install(
        "lazy",
        SAMPLER.format(name="other") + f"\n    yield seqshell.Lazy('late', '{target}')\nnumber = 3\n",
    )
    registry = site.registry()
    assert registry.problems == ()
    for _ in range(2):
        with pytest.raises(PluginError, match=reason) as error:
            registry.lookup("sampler", "late")
        assert error.value.plugin == "lazy"
    assert len(registry.problems) == 1
    assert registry.samplers["other"].name == "other"


def test_nothing_is_imported_by_listing_names(site):
    site.install(
        "lazy",
        "import seqshell\n@seqshell.hookimpl\ndef seqshell_samplers():\n    yield seqshell.Lazy('late', 'lazy_inside:late')",
    )
    (site.folder / "lazy_inside.py").write_text(SAMPLER.format(name="late"))
    registry = site.registry()

    assert "late" in registry.samplers
    assert "late" in list(registry.samplers)
    assert "lazy_inside" not in sys.modules
    assert registry.samplers["late"] is registry.samplers["late"]
    assert "lazy_inside" in sys.modules


def test_a_command_stands_under_its_aliases_too(site):
    site.install(
        "poems",
        "import seqshell\n@seqshell.command('poem', aliases=['verse'])\ndef poem(shell, arguments):\n    yield seqshell.Text('x')\n"
        "@seqshell.hookimpl\ndef seqshell_commands():\n    yield poem\n",
    )
    registry = site.registry()
    assert registry.commands["verse"] is registry.commands["poem"]


def test_resolve_gives_what_a_target_names_and_leaves_the_rest_alone():
    assert resolve("seqshell.core.tokenizers:CharTokenizer.name") == "char"
    assert resolve(Site) is Site
    with pytest.raises(PluginError, match="'os; print' is not of the form"):
        resolve("os; print")


# Events

LISTENER = HOOK.format(hook="seqshell_token", arguments="{arguments}", body="{body}")


def test_events_reach_every_listener_with_the_arguments_it_asks_for(site):
    site.install(
        "both", "seen = []\n" + LISTENER.format(arguments="session, token", body="seen.append((session, token))")
    )
    site.install("one", "seen = []\n" + LISTENER.format(arguments="token", body="seen.append(token)"))
    registry = site.registry()

    assert registry.listens("seqshell_token")
    assert not registry.listens("seqshell_model_loaded")
    assert registry.notify("seqshell_token", session="s", token="t") == ()
    assert sys.modules["both"].seen == [("s", "t")]
    assert sys.modules["one"].seen == ["t"]


@pytest.mark.parametrize("fault", ["raise ValueError('full')", "raise SystemExit"])
def test_a_listener_that_raises_is_left_out_and_the_others_go_on(site, fault):
    site.install("a", "seen = []\n" + LISTENER.format(arguments="token", body="seen.append(token)"))
    site.install("bad", SAMPLER.format(name="halve") + LISTENER.format(arguments="token", body=fault))
    site.install("z", "seen = []\n" + LISTENER.format(arguments="token", body="seen.append(token)"))
    registry = site.registry()
    (problem,) = registry.notify("seqshell_token", session=None, token=1)
    assert registry.notify("seqshell_token", session=None, token=2) == ()

    assert problem.message.startswith("the plugin bad (bad): seqshell_token failed: ")
    assert registry.problems == (problem,)
    assert states(registry) == {"a": "loaded", "bad": "failed", "z": "loaded"}
    assert sys.modules["a"].seen == sys.modules["z"].seen == [1, 2]
    assert "halve" not in registry.samplers


def test_a_listener_that_ctrl_c_has_to_stop_is_named_and_left_out(site):
    site.install("hangs", LISTENER.format(arguments="token", body="raise KeyboardInterrupt"), distribution="hang-on")
    site.install("z", "seen = []\n" + LISTENER.format(arguments="token", body="seen.append(token)"))
    registry = site.registry()
    (problem,) = registry.notify("seqshell_token", session=None, token=1)

    assert problem.message == "the plugin hangs (hang-on): seqshell_token was stopped by Ctrl-C"
    assert isinstance(problem.__cause__, KeyboardInterrupt)
    assert states(registry) == {"hangs": "failed", "z": "loaded"}
    assert (sys.modules["z"].seen, registry.busy) == ([1], None)


def test_a_plugins_folders_with_checkpoints_are_listed(site):
    site.install("ships", HOOK.format(hook="seqshell_checkpoints", arguments="", body=f"yield {str(site.folder)!r}"))
    assert site.registry().checkpoint_folders == (site.folder,)
