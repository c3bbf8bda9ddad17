"""Offers and plugins with the same name: each has a unique full name, and a built-in one keeps its short name."""

import pytest

from seqshell.core.errors import UsageError
from seqshell.host import Policy, build_registry, builtin


def test_a_name_that_two_plugins_offer_needs_the_owner(site):
    site.install("one", site.sampler("halve"))
    site.install("two", site.sampler("halve") + "\nhalve.mark = 2")
    registry = site.registry()

    assert [name for name in registry.samplers if "halve" in name] == ["one/halve", "two/halve"]
    assert registry.lookup("sampler", "two/halve").mark == 2
    assert "halve" not in registry.samplers
    with pytest.raises(
        UsageError, match="several plugins offer the sampler 'halve': choose one/halve or two/halve"
    ) as error:
        registry.lookup("sampler", "halve")
    assert error.value.code == "ambiguous_sampler"


def test_a_short_name_of_a_built_in_offer_always_means_the_built_in_one(site):
    site.install("one", site.sampler("top_k"))
    registry = build_registry([builtin], Policy())

    assert registry.owner("sampler", "top_k") == "samplers"
    assert registry.owner("sampler", "one/top_k") == "one"
    assert registry.samplers["samplers/top_k"] is registry.samplers["top_k"] is not registry.samplers["one/top_k"]


def test_a_third_party_offer_with_a_built_in_name_gives_a_warning(site):
    site.install("one", site.sampler("top_k"), distribution="far-away")
    site.install("two", site.sampler("own"))
    registry = build_registry([builtin], Policy())

    assert registry.warnings == (
        "the plugin one (far-away) offers the sampler top_k, which is also built in; "
        "write one/top_k to use the plugin's",
    )
    assert registry.lookup("sampler", "one/top_k").__module__ == "one"


def test_plugins_with_the_same_entry_point_name_get_unique_names(site, tmp_path, states):
    site.install("module_a", site.sampler("a"), distribution="dist-a", entry="same")
    site.install("module_b", site.sampler("b"), distribution="dist_b", entry="same")
    (tmp_path / "home" / "plugins").mkdir(parents=True)
    (tmp_path / "home" / "plugins" / "same.py").write_text(site.sampler("c"))
    registry = site.registry()

    assert states(registry) == {"dist-a.same": "loaded", "dist-b.same": "loaded", "file.same": "loaded"}
    assert registry.owner("sampler", "b") == "dist-b.same"
    assert registry.samplers.of("same", "b") == "b"  # a checkpoint may refer to the short name
    assert states(site.registry(disabled=("dist-a",))) == {
        "dist-a.same": "disabled",
        "dist-b.same": "loaded",
        "file.same": "loaded",
    }


def test_a_plugin_is_also_found_by_its_module_and_its_distribution(site):
    """A checkpoint made with `-p ./my_halves.py` refers to my_halves, though the entry point may have another name."""
    site.install("my_halves", site.sampler("halve"), distribution="dist-of-halves", entry="halves")
    registry = site.registry()

    assert registry.owner("sampler", "halve") == "halves"
    for owner in ("halves", "my_halves", "dist-of-halves"):
        assert registry.samplers.of(owner, "halve") == "halve"
    assert registry.samplers.of("another", "halve") is None


def test_a_plugins_name_takes_precedence_over_another_plugins_module(site):
    site.install("one", site.sampler("halve"), entry="other")
    site.install("two", site.sampler("halve"), entry="one")

    assert site.registry().samplers.of("one", "halve") == "one/halve"


def test_a_third_party_plugin_cannot_take_the_name_of_a_built_in_one(site):
    site.install("impostor", site.sampler("halve"), entry="recurrent")
    site.install("another", site.sampler("third"), entry="seqshell")
    registry = build_registry([builtin], Policy())

    assert registry.owner("sampler", "halve") == "impostor.recurrent"
    assert registry.owner("sampler", "third") == "another.seqshell"
    assert registry.owner("architecture", "lstm") == "recurrent"


def test_the_error_for_an_unknown_name_suggests_the_nearest_one(site):
    registry = build_registry([builtin], Policy(no_plugins=True))
    with pytest.raises(UsageError, match="no strategy 'gredy'; did you mean greedy") as error:
        registry.lookup("strategy", "gredy")
    assert (error.value.code, error.value.hint) == ("unknown_strategy", "greedy")
    with pytest.raises(UsageError, match="no tokenizer 'zzz'; available: char, byte, word, bpe"):
        registry.lookup("tokenizer", "zzz")
