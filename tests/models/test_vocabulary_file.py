"""Files of --vocab: texts, JSON and pickles, read without executing anything."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from seqshell import UsageError
from seqshell.models.vocabulary_file import read_vocabulary

WORDS = ("the", "<unk>", "<eos>", "café", "b.")


class Dictionary:
    """As in torch's examples."""

    def __init__(self) -> None:
        self.idx2word = list(WORDS)
        self.word2idx = {word: number for number, word in enumerate(WORDS)}


class Acts:
    def __reduce__(self) -> Any:
        return os.mkdir, ("ran",)


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(WORDS),
        "\ufeff" + "\r\n".join(WORDS) + "\r\n",
        "".join(f"{word} {100 - number}\n" for number, word in enumerate(WORDS)),
        "".join(f"{word}\t{number}\n" for number, word in reversed(list(enumerate(WORDS)))),
        json.dumps(WORDS),
        json.dumps({word: number for number, word in enumerate(WORDS)}),
        json.dumps(dict(enumerate(WORDS))),
        json.dumps({"version": 1, "model": {"vocab": WORDS}}),
    ],
    ids=["lines", "windows", "counts", "numbers", "list", "ids", "by id", "inside"],
)
def test_texts_and_json_are_read(folder: Path, text: str) -> None:
    Path("vocab").write_text(text, "utf-8")
    assert read_vocabulary(Path("vocab")) == WORDS


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("value", [list(WORDS), dict(enumerate(WORDS)), Dictionary()], ids=["list", "dict", "object"])
def test_pickles_are_read(folder: Path, value: Any, protocol: int) -> None:
    Path("itos.pkl").write_bytes(pickle.dumps(value, protocol))
    assert read_vocabulary(Path("itos.pkl")) == WORDS


def test_files_of_torch_are_read(folder: Path) -> None:
    torch.save({"itos": list(WORDS)}, "vocab.pt")
    assert read_vocabulary(Path("vocab.pt")) == WORDS


def test_ids_from_1_leave_the_first_to_padding(folder: Path) -> None:
    Path("vocab").write_text('{"a": 1, "b": 2, "c": 3}')
    assert read_vocabulary(Path("vocab")) == ("", "a", "b", "c")


def test_a_text_that_begins_or_ends_like_another_format_is_read_in_lines(folder: Path) -> None:
    Path("vocab").write_text("[\n.\n ")
    assert read_vocabulary(Path("vocab")) == ("[", ".", " ")
    Path("vocab").write_text("{\nb\n.")
    assert read_vocabulary(Path("vocab")) == ("{", "b", ".")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "vocab is empty; --vocab needs one token in each line"),
        (b"\xff\xfe\xfa", r"vocab is no vocabulary: not UTF-8 \(byte 0\)"),
        (b"one line", "vocab is no vocabulary: it has one line"),
        (pickle.dumps(Acts()), r"vocab is not read: it wants to call posix\.mkdir"),
        (pickle.dumps(list(WORDS))[:-5], "vocab is not read: it is damaged"),
        (json.dumps([["a", "b"], ["c", "d", "e"]]).encode(), "several vocabularies, of 3, 2 tokens"),
    ],
    ids=["empty", "bytes", "line", "acts", "cut", "several"],
)
def test_what_is_no_vocabulary_is_refused_in_one_line(folder: Path, data: bytes, message: str) -> None:
    Path("vocab").write_bytes(data)
    with pytest.raises(UsageError, match=message):
        read_vocabulary(Path("vocab"))
    assert not (folder / "ran").exists()
