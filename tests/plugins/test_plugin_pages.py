"""Follow each page of these folders of docs, and pages on their own, in an environment with only wheels.

The command lines share the imports of one process; that a process imports what it needs, tests/plugins/test_tutorial.py
shows.
"""

import pytest
from tests.downloads.file_server import serving
from tests.plugins.pages import ALONE, DOCS, INDEX, PAGES
from tests.plugins.served import served
from tests.plugins.walkthrough import Page

from seqshell.core import hookspecs
from seqshell.testing import tiny_checkpoint


@pytest.fixture(scope="module")
def installed(environment):
    with served(environment()) as env:
        yield env


@pytest.mark.parametrize("name", PAGES)
def test_every_example_of_a_page_runs_and_prints_what_it_shows(installed, tmp_path, name):
    page = PAGES[name]

    page.follow(installed.elsewhere(tmp_path / "page"))

    assert page.unmarked == 0
    found = {kind for kind, _, _ in page.blocks}
    assert {"shell", "prints"} <= found or "conversation" in found
    assert "file" in found or not name.startswith("plugins/")


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A server on this machine in place of Hugging Face, with the repository of docs/models.md."""
    with serving() as server:
        data = tiny_checkpoint(tmp_path / "tiny.safetensors", about="Writes letters.").read_bytes()
        server.add_repository("OWNER/tiny-lm", data)
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield


@pytest.mark.parametrize("name", ALONE)
def test_every_example_of_a_page_on_its_own_runs(installed, hub, tmp_path, name):
    page = Page.read(DOCS / f"{name}.md")

    page.follow(installed.elsewhere(tmp_path / "page"))

    assert page.unmarked == 0


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_a_title_and_a_line_in_the_index(name):
    folder, _, page = name.partition("/")
    assert PAGES[name].text.startswith("# ")
    assert f"]({page}.md): " in INDEX[folder]


@pytest.mark.parametrize("hook", [name for name in vars(hookspecs) if name.startswith("seqshell_")])
def test_each_hook_has_a_page(hook):
    assert f"- [{hook}](" in INDEX["plugins"]
