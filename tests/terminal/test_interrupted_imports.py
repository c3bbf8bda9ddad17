"""Ctrl-C, twice, while a native library is imported: the line ends at once, and the next one can use the library."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
RECIPE = """
task = "generate"
architecture = "ngram"
[data]
text = "words.txt"
[tokenizer]
name = "bpe"
[model]
order = 2
"""


@pytest.mark.parametrize(
    ("count", "work"),
    [(8, "/train counted.toml"), (2, "tokenizers"), (2, "matplotlib.figure")],
)
def test_an_interrupted_import_does_not_poison_the_process(folder, home, count, work):
    (folder / "words.txt").write_text("the cat sat on the mat. " * 40)
    (folder / "counted.toml").write_text(RECIPE)
    program = Path(__file__).with_name("interrupt_imports.py")
    ran = subprocess.run([sys.executable, program, folder, str(count), work], capture_output=True, text=True)
    assert (ran.stdout, ran.stderr) == (f"{count} of {count}\n", "")
