"""plugins/README.md, followed literally where only wheels are installed: its files are saved, its commands run, block after block."""

import doctest
import re
import shutil
from pathlib import Path

import pytest

from seqshell.models.file import read_header

TUTORIAL = (Path(__file__).parents[2] / "plugins" / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^<!-- (file|part of|shell|prints)(?: (\S+))? -->\n```\w*\n(.*?)^```$", re.DOTALL | re.MULTILINE)
BLOCKS = BLOCK.findall(
    TUTORIAL
)  # prints: what the last command of the block before it does; part of: what stands in a file by then
TEXT = "The cat sat on the mat. The dog sat on the log.\n"


@pytest.fixture(scope="module")
def followed(environment):
    """The folder of a reader who saved every file and ran every command, and what each command printed, by its line."""
    env = environment(alone=True)
    (env.work / "input.txt").write_text(TEXT * 100, encoding="utf-8")
    printed = {}
    with pytest.MonkeyPatch.context() as patch:
        # No test needs a network: what a package is built with is installed already.
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
                    done = env.run(shutil.which("bash"), "-c", line)
                    assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
                    printed[line] = done.stdout
            else:
                is_so = doctest.OutputChecker().check_output(text, printed[line], doctest.ELLIPSIS)
                assert is_so, f"{line}\nshall print\n{text}and prints\n{printed[line]}"
    return env.work, printed


def test_every_block_of_the_tutorial_is_saved_run_or_compared():
    assert len(BLOCKS) == TUTORIAL.count("```") / 2


def test_the_first_plugin_has_fifteen_lines():
    text = next(text for kind, path, text in BLOCKS if (kind, path) == ("file", "top_a.py"))

    assert len([line for line in text.splitlines() if line]) == 15


def test_the_tutorials_network_trains_and_chats(followed):
    folder, printed = followed
    header = read_header(folder / "mine.safetensors")
    (answer,) = (text.strip("\n") for line, text in printed.items() if "-m ./mine.safetensors" in line)

    assert (header["architecture"], header["owner"]) == ("srn", "srn")  # the reader's own, no built-in one
    assert len(answer) >= 20
    assert set(answer) <= set(TEXT)


def test_the_tutorials_package_answers_as_the_file_does(followed):
    """The same sampler, first given with -p and at the end installed from a wheel."""
    _, printed = followed
    given, installed = (text for line, text in printed.items() if line.endswith("'ROMEO:'"))

    assert given == installed
    assert len(given) >= 100
