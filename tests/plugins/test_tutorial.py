"""Follow plugins/README.md in an environment with only wheels: save its files and run its commands, block by block."""

from pathlib import Path

import pytest
from tests.plugins.walkthrough import TEXT, Page

from seqshell.models.file import read_header

TUTORIAL = Page.read(Path(__file__).parents[2] / "plugins" / "README.md")


@pytest.fixture(scope="module")
def followed(environment):
    """The folder after all files are saved and all commands run, and the output of each command."""
    env = environment(alone=True)
    with pytest.MonkeyPatch.context() as patch:
        # Without a network: the packages needed to build a wheel are already installed.
        for name, value in {
            "NO_INDEX": "1",
            "NO_BUILD_ISOLATION": "0",
            "NO_CACHE_DIR": "1",
            "DISABLE_PIP_VERSION_CHECK": "1",
        }.items():
            patch.setenv(f"PIP_{name}", value)
        outputs = TUTORIAL.follow(env)
    return env.work, outputs


def test_every_code_block_is_saved_run_or_compared():
    assert TUTORIAL.unmarked == 0


def test_the_first_plugin_has_fifteen_lines():
    assert len([line for line in TUTORIAL.file("top_a.py").splitlines() if line]) == 15


def test_the_network_is_trained_and_generates_text(followed):
    folder, outputs = followed
    header = read_header(folder / "mine.safetensors")
    (answer,) = (text.strip("\n") for line, text in outputs.items() if "-m ./mine.safetensors" in line)

    assert (header["architecture"], header["owner"]) == ("srn", "srn")  # the tutorial's own, not a built-in one
    assert len(answer) >= 20
    assert set(answer) <= set(TEXT)


def test_the_installed_package_generates_the_same_text_as_the_file(followed):
    """The same sampler, first loaded with -p, at the end installed from a wheel."""
    _, outputs = followed
    loaded, installed = (text for line, text in outputs.items() if line.endswith("'ROMEO:'"))

    assert loaded == installed
    assert len(loaded) >= 100
