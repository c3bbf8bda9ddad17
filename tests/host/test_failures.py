"""A plugin that fails is reported and left out completely; all other plugins are loaded."""

import re

import pytest

from seqshell.core.errors import PluginError

# tests/plugins/test_broken_plugins.py tries more faults, with models and a session.
FAULTY_MODULES = {  # fault -> source, message
    "raises on import": ("raise RuntimeError('two\\nlines')", "the import failed: RuntimeError: two lines"),
    "raises GeneratorExit on import": ("raise GeneratorExit", "the import failed: GeneratorExit"),
    "raises a group on import": ("raise BaseExceptionGroup('x', [KeyboardInterrupt()])", "the import failed: BaseExc"),
    "has a __getattr__ that raises": ("def __getattr__(name): raise OSError(name)", "it cannot be used: OSError: "),
    "has a __getattr__ that exits": ("def __getattr__(name): raise GeneratorExit", "it cannot be used: GeneratorExit"),
    "empties the environment": (
        "import os\nos.environ.clear()",
        "the import removed .* from the environment; this was undone",
    ),
    "lowers the recursion limit": (
        "import sys\nsys.setrecursionlimit(sys.getrecursionlimit() - 1)",
        "lowered the recursion limit to .*; this was undone",
    ),
    "has no hook": ("x = 1", "it implements no hook"),
    "has a hook without hookimpl": (
        "def seqshell_samplers():\n    return []",
        "seqshell_samplers is not marked with @seqshell.hookimpl",
    ),
    "declares an invalid API version": ("seqshell_api = 'new'", "seqshell_api must be a version"),
    "declares an API version that is not a string": ("seqshell_api = object()", "seqshell_api must be a version"),
}
FAULTY_HOOKS = {  # fault -> hook, body, message
    "raises in a generator": ("samplers", "yield 1 / 0", "seqshell_samplers failed: ZeroDivisionError"),
    "returns a number": ("samplers", "return 3", "seqshell_samplers failed: TypeError"),
    "returns a string": ("samplers", "return 'top'", "returns a string instead of an iterable"),
    "offers an instance": ("samplers", "yield seqshell.Notice('x')", "a Notice is not a valid sampler"),
    "offers an empty class": ("strategies", "yield type('A', (), {'name': 'a'})", "A has no search, streams"),
    "offers a class that is not a dataclass": (
        "samplers",
        "yield type('A', (), {'name': 'a', '__call__': print})",
        "A is not a frozen dataclass",
    ),
    "offers a class with an annotation that does not resolve": (
        "samplers",
        "import dataclasses\n    @dataclasses.dataclass(frozen=True)\n    class A:\n        k: 'Missing' = 3\n"
        "        name = 'a'\n        def __call__(self, logits, context): return logits\n    yield A",
        "the annotations of A cannot be read when it runs: NameError: name 'Missing' is not defined",
    ),
    "offers a command with an alias that is no text": (
        "commands",
        "yield seqshell.command('a', aliases=[3])(lambda shell, arguments: iter(()))",
        "the alias 3 of /a is not a valid name",
    ),
    "offers a command for an unknown task": (
        "commands",
        "yield seqshell.command('a', tasks=['dance'])(lambda shell, arguments: iter(()))",
        "/a is for the task 'dance'; expected one of generate",
    ),
    **{
        f"offers an option {fault}": (
            "commands",
            f"yield seqshell.command('a', options=[seqshell.Option('-u', {given})])(lambda shell, read: iter(()))",
            message,
        )
        for fault, given, message in (
            ("whose choices are one text", "'U', choices='ab'", "the choices of the option -u of /a must be a tuple"),
            ("whose choices are numbers", "'U', choices=(1,)", "the choices of the option -u of /a must be a tuple"),
            ("with choices for no value", "choices=('a',)", "the option -u of /a has values, so it must say"),
            ("that words complete", "'U', complete=3", "the completion of the option -u of /a is 3, not a function"),
        )
    },
    "offers an invalid name": ("samplers", "yield seqshell.Lazy('a b', 'b:c')", "its name must consist of letters"),
    "offers an invalid target": ("samplers", "yield seqshell.Lazy('a', 'b.c')", "is not of the form"),
    "offers a lazy architecture": (
        "architectures",
        "yield seqshell.Lazy('a', 'b:c')",
        "offer an Architecture, not a Lazy",
    ),
    "offers an architecture for an unknown task": (
        "architectures",
        "yield seqshell.Architecture('a', 'dance', 'a:B', 'a:C')",
        "has the task 'dance'; expected one of generate",
    ),
    "offers an architecture without a model": (
        "architectures",
        "yield seqshell.Architecture('a', 'generate', 'a:B', None)",
        "the model of the architecture a must be a class or function or package.module:Name",
    ),
    "offers a function as a command": ("commands", "yield print", "is not a valid command"),
    "offers a missing folder": ("checkpoints", "yield '/none'", "'/none' is not a folder"),
}


@pytest.fixture
def left_out(site, states):
    """Return a function: check that a plugin with this source fails with this message and leaves nothing behind."""

    def check(source, message):
        site.install("a_good", site.sampler("before"))
        site.install("bad", source, distribution="the-bad-one")
        site.install("z_good", site.sampler("after"))
        registry = site.registry()

        assert states(registry) == {"a_good": "loaded", "bad": "failed", "z_good": "loaded"}
        assert {"before", "after"} == set(registry.samplers)
        (problem,) = registry.problems
        assert (problem.plugin, problem.distribution) == ("bad", "the-bad-one")
        assert problem.message.startswith("the plugin bad (the-bad-one): ")
        assert "\n" not in problem.message
        assert re.search(message, problem.message), problem.message
        assert "Traceback" in problem.details or "undone" in message
        assert registry.plugin("bad").reason == problem.message
        assert not registry.listens("seqshell_token")

    return check


@pytest.mark.parametrize("fault", FAULTY_MODULES)
def test_a_plugin_with_a_faulty_module_is_named_and_left_out(site, left_out, fault):
    source, message = FAULTY_MODULES[fault]
    has_own_hooks = fault in ("has no hook", "has a hook without hookimpl")
    left_out(source if has_own_hooks else f"{site.sampler('valid')}\n{source}", message)


@pytest.mark.parametrize("fault", FAULTY_HOOKS)
def test_a_plugin_with_a_faulty_hook_is_named_and_left_out_with_its_other_offers(site, left_out, fault):
    hook, body, message = FAULTY_HOOKS[fault]
    valid = "" if hook == "samplers" else site.sampler("valid")
    left_out(valid + site.hook(f"seqshell_{hook}", body), message)


def test_ctrl_c_during_an_import_is_not_treated_as_a_plugin_error(site):
    site.install("slow", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        site.registry()


def test_invalid_entry_points_are_reported(site):
    site.install("there", "", entry="a/b")
    (site.folder / "there-1.2.dist-info" / "entry_points.txt").write_text(
        "[seqshell]\na = there:missing\nb = gone.away\nc = x y\nd/e = there\n"
    )
    messages = {problem.plugin: problem.message for problem in site.registry().problems}

    assert "has no attribute 'missing'" in messages["a"]
    assert "No module named 'gone'" in messages["b"]
    assert "'x y' is not of the form package.module:Name" in messages["c"]
    assert "invalid plugin name" in messages["d/e"]


def test_an_optional_hook_of_a_later_api_is_ignored(site, states):
    site.install(
        "newer",
        site.sampler("halve") + "\n@seqshell.hookimpl(optionalhook=True)\ndef seqshell_dreams():\n    return []",
    )
    assert states(site.registry()) == {"newer": "loaded"}


def test_plugins_for_this_api_version_are_loaded(site, states):
    site.install("exact", "seqshell_api = '1'\n" + site.sampler("halve"))
    site.install("minor", "seqshell_api = '1.3'\n" + site.sampler("third"))
    assert states(site.registry()) == {"exact": "loaded", "minor": "loaded"}


def test_under_a_strict_policy_a_failing_plugin_is_an_error(site, states):
    site.install("bad", "raise RuntimeError('no')")
    with pytest.raises(PluginError, match=r"the plugin bad .*: the import failed: RuntimeError: no"):
        site.registry(strict=True)
    assert states(site.registry(strict=True, no_plugins=True)) == {"bad": "disabled"}
