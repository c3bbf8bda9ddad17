"""Large texts in sections: a training begins before its tokens are in a file, and reads the same ones from it later."""

from __future__ import annotations

import gzip
import threading
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from seqshell.core.errors import RecipeError, VocabularyError
from seqshell.core.events import Notice, Progress
from seqshell.core.subword_tokenizers import BPETokenizer, WordTokenizer
from seqshell.core.whitespace_tokenizer import WhitespaceTokenizer
from seqshell.host import Registry
from seqshell.training.data import large_text
from seqshell.training.data.array_store import remove_stores
from seqshell.training.data.large_text import LargeText
from seqshell.training.language import begun, sections
from seqshell.training.language.corpus import beside, large_corpus, read_recipe_text
from seqshell.training.language.section_streams import SectionStreams
from seqshell.training.language.sections import Sections, SectionTokens, line_start
from seqshell.training.loop import train
from seqshell.training.recipes.recipe import Recipe, recipe_from

TEXT = "".join(f"the {number} cats\nsat on {number * 7} café mats, " for number in range(60))
KINDS = {kind.name: kind for kind in (WordTokenizer, WhitespaceTokenizer, BPETokenizer)}


@pytest.fixture(autouse=True)
def _small_sections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_text, "LARGE", 1)
    monkeypatch.setattr(begun, "BLOCK", 100)
    monkeypatch.setattr(sections, "SECTION", 50)
    monkeypatch.setattr(sections, "SEARCHED", 3)


def recipe(folder: Path, tokenizer: str = "word", **data: Any) -> Recipe:
    (folder / "text.txt").write_text(TEXT, "utf-8")
    tables = {
        "task": "generate",
        "architecture": "gru",
        "data": {"text": "text.txt", **data},
        "tokenizer": {"name": tokenizer, "vocab_size": 80},
        "model": {"embed_size": 4, "hidden_size": 6},
        "training": {"epochs": 2, "batch_size": 4, "sequence_length": 8, "sample_length": 5, "precision": "float32"},
    }
    return recipe_from(tables, name="small", folder=folder)


def section_tokens(made: Recipe) -> SectionTokens:
    found = read_recipe_text(made, KINDS[made.tokenizer["name"]])[2]
    assert isinstance(found, SectionTokens)
    return found


def assert_same_batches(one: list[Any], other: list[Any]) -> None:
    assert len(one) == len(other) > 1
    for batch, expected in zip(one, other, strict=True):
        np.testing.assert_array_equal(batch, expected)


def weights(path: Path) -> dict[str, Any]:
    return {name: values.tolist() for name, values in load_file(path).items()}


def test_sections_begin_at_the_first_space_after_so_many_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text(TEXT[:120] + "x" * 200 + " end")
    text = LargeText(path)
    found = Sections.of(text, text.size, text.state())
    whole = path.read_bytes()
    assert b"".join(found.contents()) == whole
    for start, following in pairwise(found.starts.tolist()):
        assert start == 0 or whole[start : start + 1] == b" "
        assert b" " not in whole[start + 50 : following]
    assert [found.place(byte) for byte in (0, 25, found.size - 1)] == [
        (0, 0.0),
        (0, 25 / found.starts[1]),
        (len(found) - 1, (len(whole) - 1 - found.starts[-2]) / 4),
    ]
    assert line_start(text, 120, text.state()) == whole.rindex(b"\n", 0, 120) + 1
    assert line_start(text, 5, text.state()) == 5


def test_a_large_text_with_too_few_spaces_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sections, "LONGEST", 400)
    path = tmp_path / "a.txt"
    path.write_text(TEXT[:120] + "x" * 340 + " end")
    text = LargeText(path)
    assert len(Sections.of(text, text.size, text.state())) == 4
    path.write_text(TEXT[:120] + "x" * 1400 + " end")
    with pytest.raises(
        RecipeError, match=r"^a\.txt has no space in 1 kB, from byte 102 on, .* set tokenizer\.name=char"
    ):
        Sections.of(text, text.size, text.state())


@pytest.mark.parametrize("tokenizer", KINDS)
def test_batches_before_the_tokens_are_in_the_file_are_those_after(tmp_path: Path, tokenizer: str) -> None:
    made = recipe(tmp_path, tokenizer, validation=0.2)
    found = large_corpus(made, KINDS[tokenizer])
    assert found is not None
    streams = SectionStreams(section_tokens(made), 5, 7)
    before = [list(streams.batches(offset)) for offset in (0, 777, streams.num_orders - 1)]
    assert not found.path.exists()
    assert_same_batches(list(streams.batches(777, 3)), before[1][3:])

    with beside(made, KINDS[tokenizer], None):
        while not found.path.exists():
            threading.Event().wait(0.01)
    (tmp_path / "text.txt").write_text("changed")  # no more is read of it
    after = [list(streams.batches(offset)) for offset in (0, 777, streams.num_orders - 1)]
    for one, other in zip(before, after, strict=True):
        assert_same_batches(one, other)
    assert_same_batches(list(streams.batches(777, 3)), before[1][3:])


def test_streams_begin_at_shares_of_the_bytes_and_continue_in_the_next_batch(tmp_path: Path) -> None:
    tokens = section_tokens(recipe(tmp_path))
    streams, ids = SectionStreams(tokens, 3, 4), tokens.all().tolist()
    sizes = [len(tokens[number]) for number in range(len(tokens))]
    assert abs(tokens.number - len(ids)) <= 1 + len(ids) // 20
    assert streams.num_batches == (tokens.number - 1) // 3 // 4
    first, second = islice(streams.batches(10), 2)
    for row in range(3):
        section, share = tokens.sections.place(10 + row * tokens.sections.size // 3)
        place = sum(sizes[:section]) + int(share * sizes[section])
        assert [*first[0][row], *second[0][row]] == ids[place : place + 8]
        assert [*first[1][row], *second[1][row]] == ids[place + 1 : place + 9]
    last = next(streams.batches(tokens.sections.size - 1))[0][0].tolist()
    assert last == [*ids[-1:], *ids[:3]]  # the text begins again


def test_weights_do_not_depend_on_the_file_nor_on_a_stop(tmp_path: Path, registry: Registry) -> None:
    made, out, whole = recipe(tmp_path, "whitespace"), tmp_path / "part.safetensors", tmp_path / "whole.safetensors"
    events = list(train(made, registry, whole))
    stages = dict.fromkeys(event.description for event in events if isinstance(event, Progress))
    assert list(stages)[:3] == [
        "reading text.txt",
        "vocabulary of text.txt",
        "encoding the validation text of text.txt",
    ]
    assert any("about" in event.text for event in events if isinstance(event, Notice))
    list(train(made, registry, tmp_path / "again.safetensors"))
    assert weights(tmp_path / "again.safetensors") == weights(whole)

    remove_stores(tmp_path / "encoded")
    events = train(made, registry, out)
    updates = (event for event in events if isinstance(event, Progress) and "epoch" in event.description)
    next(islice(updates, 9, None))
    events.close()
    remove_stores(tmp_path / "encoded")
    list(train(made, registry, out, resume=True))
    assert weights(out) == weights(whole)


def test_texts_that_cannot_be_read_at_any_byte_are_prepared_first(tmp_path: Path) -> None:
    made = recipe(tmp_path)
    with gzip.open(tmp_path / "text.txt.gz", "wb") as file:
        file.write(TEXT.encode())
    expected = section_tokens(made).all()
    for name in ("text.txt.gz", "crlf.txt"):
        (tmp_path / "crlf.txt").write_bytes(TEXT.replace("\n", "\r\n").encode())
        tokens = read_recipe_text(recipe(tmp_path, text=name), WordTokenizer)[2]
        assert isinstance(tokens, np.ndarray)
        np.testing.assert_array_equal(tokens, expected)


def test_a_text_that_changes_or_that_the_tokenizer_refuses_is_one_clear_line(tmp_path: Path) -> None:
    tokens = section_tokens(recipe(tmp_path))

    def refuses(part: str) -> bytes:
        raise VocabularyError("the model does not know 'q'")

    refusing = SectionTokens(tokens.sections, 9, refuses, tokens.dtype, lambda: None, lambda: None)
    with pytest.raises(RecipeError, match=r"^text\.txt: the model does not know 'q'$"):
        refusing[0]
    with pytest.raises(RecipeError, match=r"^the tokens of text\.txt were removed while they were read; train again$"):
        refusing.all()
    (tmp_path / "text.txt").write_text("changed " * 200)
    with pytest.raises(RecipeError, match=r"^text\.txt was changed while it was read; train again$"):
        tokens[1]


@pytest.mark.parametrize("left", [-5, 0])
def test_what_a_training_begins_with_is_written_again_if_it_is_damaged(tmp_path: Path, left: int) -> None:
    made = recipe(tmp_path)
    before, found = section_tokens(made), large_corpus(made, WordTokenizer)
    assert found is not None
    (path,) = found.path.parent.glob("text.txt-*.tokens")
    content = path.read_bytes()
    path.unlink()  # it is mapped
    path.write_bytes(content[:left])
    after = section_tokens(made)
    assert after.number == before.number
    np.testing.assert_array_equal(after[1], before[1])


def test_a_text_of_blanks_has_too_few_tokens(tmp_path: Path) -> None:
    made = recipe(tmp_path, "whitespace")
    (tmp_path / "text.txt").write_text(" " * 2000 + "\nend of it\n")
    with pytest.raises(RecipeError, match=r"^text\.txt is too short: "):
        section_tokens(made)
