"""The pages of the documentation site: each is in the navigation, and each link leads to a file."""

from __future__ import annotations

import re

import pytest
from docs.site import checks, gallery, generated, pages
from docs.site.markdown import prose
from docs.site.reference import commands, plugins, programs, python

import seqshell
from seqshell.cli.subcommands import SUBCOMMANDS
from seqshell.core import hookspecs
from seqshell.host import Policy
from seqshell.host.builtin import load_registry


def test_every_page_is_in_the_navigation_and_every_link_leads_to_a_file(tmp_path):
    """A new page needs one line in docs/zensical.toml."""
    found = generated.pages()

    assert pages.copy(tmp_path, found) == []
    generated.write(tmp_path, found)
    assert checks.navigation(tmp_path) == []


def test_a_page_that_is_missing_in_the_navigation_or_only_there_is_named(tmp_path, monkeypatch):
    (tmp_path / "new.md").touch()
    monkeypatch.setattr(checks, "navigated", lambda: ["gone.md"])

    assert checks.navigation(tmp_path) == [
        "docs/zensical.toml: the navigation lacks a line for new.md",
        "docs/zensical.toml: the navigation names gone.md, which is not there",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[a](../../README.md#install)", "[a](../project/readme.md#install)"),
        ("[a](score.md), ![b](units.svg)", "[a](score.md), ![b](units.svg)"),
        ("[a](../plugins)", "[a](../plugins/index.md)"),
        ("[a](../../LICENSE)", f"[a]({pages.SOURCE}LICENSE)"),
        ("[a](https://example.org/a.md) [b](#here)", "[a](https://example.org/a.md) [b](#here)"),
        ("`[a](gone.md)`\n```\n[a](gone.md)\n```\n", "`[a](gone.md)`\n```\n[a](gone.md)\n```\n"),
    ],
)
def test_links_between_pages_stay_and_links_to_other_files_lead_to_their_source(text, expected):
    assert pages.relinked(text, "docs/inspect/gates.md", pages.written()) == (expected, [])


def test_a_link_to_nothing_is_named_with_its_line():
    _, problems = pages.relinked("# Gates\n\n[a](gone.md)\n", "docs/inspect/gates.md", pages.written())

    assert problems == ["docs/inspect/gates.md:3: there is no docs/inspect/gone.md"]


def test_links_of_the_site_that_lead_nowhere_and_what_comes_from_other_hosts_are_named(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "index.html").write_text(
        '<link rel="canonical" href="https://example.org/"><p id="here"><a href="#here"></a><a href="#gone"></a>'
        '<a href="a/b.html"></a><a href="https://example.org/"></a><script src="https://example.org/a.js"></script>'
    )
    (tmp_path / "a" / "b.html").write_text('<a href="../index.html#here"></a><a href="../"></a><img src="c.svg">')

    (tmp_path / "a.css").write_text('a {background: url("b.svg")} @import "https://example.org/a.css";')

    assert checks.links(tmp_path) == [
        "a.css: loads https://example.org/a.css from another host",
        "a/b.html: c.svg leads to a/c.svg, which is not there",
        "index.html: loads https://example.org/a.js from another host",
        "index.html: #gone leads to a place that index.html does not have",
    ]


def test_a_docstring_becomes_paragraphs_arguments_and_code():
    text = """The state <unk> of *all* layers (`h`), see https://example.org/a_b.

    hidden: [B, H]
        in float32
    cell: the other

    Its equation:

        h = f(x)
    """

    assert prose(text) == (
        "The state &lt;unk\\> of \\*all\\* layers (`h`), see <https://example.org/a_b>.\n\n"
        "- **hidden**: \\[B, H\\] in float32\n\n- **cell**: the other\n\nIts equation:\n\n```text\nh = f(x)\n```"
    )


def test_the_home_page_has_the_commands_of_the_readme():
    texts = [(pages.ROOT / name).read_text("utf-8") for name in ("README.md", "docs/index.md")]
    ours, theirs = (re.findall(r"<!-- run -->\n```sh\n(.*?)```", text, re.DOTALL) for text in texts)

    assert ours == theirs
    assert len(ours) == 1


def test_the_reference_explains_every_architecture_in_the_section_of_its_module():
    registry = load_registry(Policy(no_plugins=True))
    text = plugins.architectures(registry)
    modules = [str(registry.architectures[name].model).partition(":")[0] for name in registry.architectures]

    assert len(modules) > 15
    assert [each for each in modules if f"\n### {each.rpartition('.')[2]}\n" not in text] == []
    assert "c' = f * c + i * g" in text
    assert "https://arxiv.org/abs/1508.04025" in text


def test_the_reference_has_every_command_subcommand_and_hook():
    registry = load_registry(Policy(no_plugins=True))
    listed = {f"/{each.name}" for each in dict(registry.commands).values() if not each.hidden}
    hooks = {name for name in vars(hookspecs) if name.startswith("seqshell_")}

    assert listed <= headings(commands.commands(registry))
    assert {f"seqshell {name}" for name in SUBCOMMANDS} <= headings(programs.command_line())
    assert hooks <= headings(plugins.hooks())


def test_every_public_name_is_in_the_reference_once():
    names = [name for group in python.groups().values() for name in group]
    modules = {name.rpartition(".")[2] for name in python.MODULES}

    assert len(names) == len(set(names))
    assert set(names) | modules >= set(dir(seqshell)) - {"__version__"}


def test_the_gallery_shows_figures_and_limits_of_every_model_that_ships():
    assert set(gallery.CONVERSATIONS) == set(gallery.models())
    for name in gallery.models():
        text = gallery.model(name)

        assert f"| `{name}` |" in text
        assert "**Limits:**" in text
        assert text.count(">>> ") == len(gallery.CONVERSATIONS[name])


def headings(text):
    return set(re.findall(r"^#+ (.*)$", text, re.MULTILINE))
