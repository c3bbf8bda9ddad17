"""The code blocks of all pages, and the commands in them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = ("", "checkpoints/**/", "docs/**/", "plugins/**/", "tests/**/")
DOCUMENTS = sorted(
    path for folder in FOLDERS for path in ROOT.glob(f"{folder}*.md") if "```" in path.read_text("utf-8")
)
BLOCK = re.compile(r"(?:^<!-- ([a-z ]+?)(?: [\w./-]+)? -->\n)?^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def blocks(path):
    """The kind and the text of each code block."""
    return [(kind, text) for kind, _, text in BLOCK.findall(path.read_text("utf-8"))]


def marked(kind):
    return [(str(path.relative_to(ROOT)), text) for path in DOCUMENTS for mark, text in blocks(path) if mark == kind]


def command_lines(text):
    """The words of each command, without comments and variables of the environment."""
    for line in text.replace("\\\n", " ").replace(" && ", "\n").splitlines():
        words = shlex.split(line, comments=True)
        while words and re.fullmatch(r"\w+=.*", words[0]):
            words.pop(0)
        if words:
            yield words
