"""Follow plugins/README.md in an environment with only wheels: save its files and run its commands, block by block."""

import doctest
import re
import shutil
from pathlib import Path

import pytest

from seqshell.models.file import read_header

TUTORIAL = (Path(__file__).parents[2] / "plugins" / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^<!-- (file|part of|shell|prints)(?: (\S+))? -->\n```\w*\n(.*?)^```$", re.DOTALL | re.MULTILINE)
# "prints" is the expected output of the previous block's last command, "part of" an excerpt from an existing file.
BLOCKS = BLOCK.findall(TUTORIAL)
TEXT = "The cat sat on the mat. The dog sat on the log.\n"


@pytest.fixture(scope="module")
def followed(environment):
    """The folder after all files are saved and all commands run, and the output of each command."""
    env = environment(alone=True)
    (env.work / "input.txt").write_text(TEXT * 100, encoding="utf-8")
    outputs = {}
    with pytest.MonkeyPatch.context() as patch:
        # Without a network: the packages needed to build a wheel are already installed.
        for name, value in {
            "NO_INDEX": "1",
            "NO_BUILD_ISOLATION": "0",
            "NO_CACHE_DIR": "1",
            "DISABLE_PIP_VERSION_CHECK": "1",
        }.items():
            patch.setenv(f"PIP_{name}", value)
        for kind, path, text in BLOCKS:
            if kind == "file":
                (env.work / path).write_text(text, encoding="utf-8")
            elif kind == "part of":
                assert text in (env.work / path).read_text(encoding="utf-8"), path
            elif kind == "shell":
                for line in text.splitlines():
                    result = env.run(shutil.which("bash"), "-c", line)
                    assert result.returncode == 0, f"{line}\n{result.stdout}{result.stderr}"
                    outputs[line] = result.stdout
            else:
                is_equal = doctest.OutputChecker().check_output(text, outputs[line], doctest.ELLIPSIS)
                assert is_equal, f"{line}\nexpected\n{text}but got\n{outputs[line]}"
    return env.work, outputs


def test_every_code_block_is_saved_run_or_compared():
    assert len(BLOCKS) == TUTORIAL.count("```") / 2


def test_the_first_plugin_has_fifteen_lines():
    text = next(text for kind, path, text in BLOCKS if (kind, path) == ("file", "top_a.py"))

    assert len([line for line in text.splitlines() if line]) == 15


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
