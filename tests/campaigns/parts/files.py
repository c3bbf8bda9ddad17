"""The folder that hostile lines run in: files that are what they seem, and files that are not."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

from seqshell.testing import (
    tiny_checkpoint,
    tiny_classification_checkpoint,
    tiny_forecast_checkpoint,
    tiny_translation_checkpoint,
)

LETTERS = "\n abcdefghilorstuvyMORE:é?!."
# Files of models by the names that commands open by themselves, with a default that keeps answers short.
MODELS = {
    "shakespeare": lambda path: tiny_checkpoint(path, LETTERS, defaults={"max_tokens": 12}, examples=["abc"]),
    "english-french": lambda path: tiny_translation_checkpoint(path, seed=3, defaults={"max_tokens": 12}),
    "sentiment": tiny_classification_checkpoint,
    "oil-temperature": tiny_forecast_checkpoint,
}
TALK = "abc\n/undo\n/redo\n/branch b\n/continue 3\n/checkout main\n"


def make(folder: Path) -> None:
    """Write the files into a folder, and the models where a user keeps his own."""
    models = folder / "home" / "models"
    models.mkdir(parents=True)
    for name, write in MODELS.items():
        write(models / f"{name}.safetensors")
    tiny_checkpoint(folder / "tiny.safetensors", LETTERS, seed=1, defaults={"max_tokens": 12})
    texts = {
        "notes.txt": "abc bad cafe\n" * 20,
        "hostile.txt": "\x1b[31mabc\x1b]0;owned\x07\u202e\x00\x9b31m\n",
        "hostile.seq": "abc\n/set max_tokens 3\n/feed \x1b]0;owned\x07\n/undo\n",
        "talk.seq": TALK,
        "self.seq": "/source self.seq\n",
        "open.seq": '"""\nabc\n',
        "table.csv": "when,value\n" + "".join(f"2020-01-{day:02},{day / 2}\n" for day in range(1, 29)),
        "pairs.tsv": "i love you\tje t'aime\nthe cat\tle chat\n",
        "labels.csv": "text,label\nabc,cat\nbad,dog\ncafe,cat\n",
        "wide.tsv": "\t".join("\x1b[31mab") * 20 + "\n1\t2\n",
        "deep.json": "[" * 5000,
        "rows.jsonl": '{"value": 1.5}\n{"value": null}\n{"\\u001b[31m": 2}\n',
        "empty.txt": "",
        "recipe.toml": '[training]\nepochs = "\\u001b[31m"\n',
        "rubbish.safetensors": "rubbish",
        "\x1b[31m.txt": "abc",
    }
    for name, text in texts.items():
        (folder / name).write_text(text, "utf-8")
    (folder / "binary.en").write_bytes(b"i love\xff you\n\xed\xa0\x80")
    (folder / "noise.gz").write_bytes(gzip.compress(b"abc\n")[:-4] + b"\0\0\0\0")
    (folder / "folder").mkdir()
    os.mkfifo(folder / "fifo")
    (folder / "loop").symlink_to("loop")
