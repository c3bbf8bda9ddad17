"""Follow a page of documentation: save its files and run its commands, block by block, and compare what they print.

A comment before a code block says what it is. `file NAME` is saved, `shell` is run line by line, `prints` is the
expected output of the last command before it (... stands for anything), `part of NAME` is an excerpt from a file that
exists by then, `shipped NAME` is a file of the repository, and `sketch` is Python that is not run alone. `conversation`
is a session at the prompt: `$ seqshell` starts it, `>>> ` is before each line that is typed, and what follows must be
what a script prints; the next block of a conversation continues where the one before it stopped. `install SHELL` is
followed in tests/cli/test_completion.py, `checkout` and `compiled` in tests/test_page_commands.py, `message` in
tests/training/test_ranks.py, `processes` (of torchrun) and `machines` (several, whose torchruns a test starts on one)
in tests/training/test_torchrun.py, and `cluster` (of Ray, where it is installed) in tests/cli/test_bulk_ray.py. .ci/run
runs `environment`, `test`, `site`, `hashes` and `lock`. `usage`, in the README of a package that only tests install, is
not run: tests/test_code_blocks.py looks up what it names. A page finds `input.txt`, a small text, in its folder.
"""

from __future__ import annotations

import ast
import doctest
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.plugins.conftest import Env

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(
    r"^<!-- (file|part of|shipped|sketch|shell|prints|conversation"
    r"|install|checkout|compiled|message|processes|machines|cluster)(?: (\S+))? -->\n"
    r"```\w*\n(.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
TEXT = "The cat sat on the mat. The dog sat on the log.\n"


@dataclass(frozen=True)
class Page:
    """A page of documentation, with its code blocks: what each is, the name of its file, and its text."""

    text: str
    blocks: tuple[tuple[str, str, str], ...]

    @classmethod
    def read(cls, path: Path) -> Page:
        text = path.read_text(encoding="utf-8")
        return cls(text, tuple(BLOCK.findall(text)))

    @property
    def unmarked(self) -> int:
        """How many code blocks no comment marks."""
        return self.text.count("```") // 2 - len(self.blocks)

    def file(self, name: str) -> str:
        """The text of a file that the page saves."""
        return next(text for kind, path, text in self.blocks if (kind, path) == ("file", name))

    def follow(self, env: Env) -> dict[str, str]:
        """Do what the page says in the folder env.work. Returns the output of each command."""
        (env.work / "input.txt").write_text(TEXT * 100, encoding="utf-8")
        outputs: dict[str, str] = {}
        line = ""
        for kind, path, text in self._joined():
            if kind == "file":
                (env.work / path).write_text(text, encoding="utf-8")
            elif kind == "part of":
                assert text in (env.work / path).read_text(encoding="utf-8"), path
            elif kind == "shipped":
                assert text == (ROOT / path).read_text(encoding="utf-8"), path
            elif kind == "sketch":
                ast.parse(text)
            elif kind == "shell":
                for line in text.splitlines():
                    # a reader's shell stays in the folder, but here each line has a shell of its own
                    assert not line.startswith(("cd ", "export ")), line
                    result = env.run(shutil.which("bash") or "bash", "-c", line)
                    assert result.returncode == 0, f"{line}\n{result.stdout}{result.stderr}"
                    outputs[line] = result.stdout
            elif kind == "conversation":
                line, _, expected = text.removeprefix("$ ").partition("\n")
                typed = "".join(f"{each[4:]}\n" for each in expected.splitlines() if each.startswith(">>> "))
                result = env.run(shutil.which("bash") or "bash", "-c", f"{line} --echo", input=typed)
                assert result.returncode == 0, f"{line}\n{result.stdout}{result.stderr}"
                check_output(line, expected, result.stdout)
            elif kind == "prints":
                check_output(line, text, outputs[line])
        return outputs

    def _joined(self) -> Iterator[tuple[str, str, str]]:
        """The blocks, those of one conversation as one."""
        waiting = ""
        for kind, path, text in self.blocks:
            if waiting and (kind != "conversation" or text.startswith("$ ")):
                yield "conversation", "", waiting
                waiting = ""
            if kind == "conversation":
                waiting += text
            else:
                yield kind, path, text
        if waiting:
            yield "conversation", "", waiting


def check_output(line: str, expected: str, printed: str) -> None:
    """Raise AssertionError unless a command printed what is expected, in which ... stands for anything."""
    is_equal = doctest.OutputChecker().check_output(expected, printed, doctest.ELLIPSIS)
    assert is_equal, f"{line}\nexpected\n{expected}but got\n{printed}"
