"""Lazy targets are imported when they are first used, and an error is reported then."""

import sys
from pathlib import Path

import pytest

from seqshell.core.errors import PluginError
from seqshell.host import resolve


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("gone:Thing", "gone:Thing cannot be imported: ModuleNotFoundError"),
        ("lazy:Thing", "has no attribute 'Thing'"),
        ("lazy:number", "lazy:number is not valid as the sampler late: 3 is not a class"),
        ("lazy:other", "other has the name 'other', but is offered as 'late'"),
    ],
)
def test_a_failing_lazy_target_is_reported_once_when_it_is_first_used(site, target, reason):
    site.install(
        "lazy",
        site.sampler("other") + f"\n    yield seqshell.Lazy('late', '{target}')\nnumber = 3\n",
    )
    registry = site.registry()
    assert registry.problems == ()
    for _ in range(2):
        with pytest.raises(PluginError, match=reason) as error:
            registry.lookup("sampler", "late")
        assert error.value.plugin == "lazy"
    assert len(registry.problems) == 1
    assert registry.samplers["other"].name == "other"


def test_listing_names_imports_no_lazy_target(site):
    site.install(
        "lazy",
        site.hook("seqshell_samplers", "yield seqshell.Lazy('late', 'lazy_inside:late')"),
    )
    (site.folder / "lazy_inside.py").write_text(site.sampler("late"))
    registry = site.registry()

    assert "late" in registry.samplers
    assert "late" in list(registry.samplers)
    assert "lazy_inside" not in sys.modules
    assert registry.samplers["late"] is registry.samplers["late"]
    assert "lazy_inside" in sys.modules


def test_a_command_is_also_registered_under_its_aliases(site):
    site.install(
        "poems",
        "import seqshell\n@seqshell.command('poem', aliases=['verse'])\n"
        "def poem(shell, arguments):\n    yield seqshell.Text('x')\n" + site.hook("seqshell_commands", "yield poem"),
    )
    registry = site.registry()
    assert registry.commands["verse"] is registry.commands["poem"]


def test_resolve_imports_a_string_and_returns_anything_else_unchanged():
    assert resolve("seqshell.core.tokenizers:CharTokenizer.name") == "char"
    assert resolve(Path) is Path
    with pytest.raises(PluginError, match="'os; print' is not of the form"):
        resolve("os; print")
