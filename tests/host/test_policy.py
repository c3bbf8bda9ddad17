"""The policy decides which plugins are loaded: --no-plugins, SEQSHELL_PLUGINS and config.toml."""

import sys

import pytest

from seqshell.host import Policy, build_registry, builtin


def test_no_plugins_still_loads_the_built_in_plugins(site):
    site.install("good", site.sampler("halve"))
    registry = build_registry([builtin], Policy(no_plugins=True))

    assert registry.plugin("good").state == "disabled"
    assert "good" not in sys.modules
    built_in = [info for info in registry.plugins if info.builtin]
    assert {"seqshell", "recurrent", "samplers"} <= {info.name for info in built_in}
    assert {info.state for info in built_in} == {"loaded"}
    assert registry.owner("architecture", "lstm") == "recurrent"
    assert registry.owner("tokenizer", "char") == "seqshell"
    assert registry.problems == ()


def test_all_built_in_offers_have_different_names(site):
    registry = build_registry([builtin], Policy(no_plugins=True))
    for kind in ("architecture", "sampler", "strategy", "tokenizer", "command", "importer"):
        assert not [name for name in registry.offers(kind) if "/" in name]


@pytest.mark.parametrize("named", [("one",), ("seqshell-one",), ("one", "recurrent")])
def test_only_the_named_third_party_plugins_are_imported(site, named, states):
    site.install("one", site.sampler("a"), distribution="seqshell_one")
    site.install("two", site.sampler("b"))
    registry = site.registry(plugins=named)

    assert states(registry) == {"one": "loaded", "two": "disabled"}
    assert "two" not in sys.modules
    assert registry.plugin("two").reason == "not named in SEQSHELL_PLUGINS"


def test_an_empty_list_allows_no_third_party_plugin(site, states):
    site.install("one", site.sampler("a"))
    assert states(site.registry(plugins=())) == {"one": "disabled"}


def test_disabled_plugins_are_not_imported_and_unknown_names_give_a_warning(site, states):
    site.install("one", site.sampler("a"))
    site.install("two", site.sampler("b"))
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
    assert registry.plugin("recurrent").state == "disabled"


def test_the_policy_is_read_from_the_environment_and_config_toml(site, tmp_path):
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
def test_an_invalid_config_disables_all_third_party_plugins(site, tmp_path, config, reason, states):
    """A mistake in config.toml must not load a plugin that the user disabled."""
    site.install("one", site.sampler("a"))
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "config.toml").write_text(config)
    registry = build_registry([builtin], Policy.read(environ={}), folders=[str(site.folder)])

    assert states(registry) == {"one": "disabled"}
    assert reason in registry.warnings[0]
    assert registry.warnings[0].endswith("only the built-in plugins are loaded")
