"""Large texts: read in blocks and encoded, with the tokens of a text in memory."""

from __future__ import annotations

import gzip
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.training.large_texts import TEXT, TOKENIZERS, recipe

from seqshell.core.errors import RecipeError
from seqshell.core.subword_tokenizers import BPETokenizer, WordTokenizer
from seqshell.core.tables.encoding import decode
from seqshell.core.text_output import readable
from seqshell.core.tokenizers import ByteTokenizer, CharTokenizer
from seqshell.core.whitespace_tokenizer import WhitespaceTokenizer
from seqshell.host import Registry
from seqshell.training.data import (
    understanding,
    word_numbers,
)
from seqshell.training.data.file_format import FileFormat
from seqshell.training.data.large_text import Halves, LargeText, cut_before_spaces, line_start
from seqshell.training.data.part_encoding import part_encoder
from seqshell.training.data.small_integers import integer_type
from seqshell.training.language import section_corpus, sections
from seqshell.training.language.corpus import read_recipe_text
from seqshell.training.language.sections import SectionTokens
from seqshell.training.preparation import tokenizer_type

# The text


@pytest.mark.parametrize(
    "content",
    [
        "one\r\ntwo\rthree\r\n\r\nfour " * 9,
        "old\rMac\r" * 20,
        "\ufeffwith a mark\n" * 1,
        "é€😀 " * 40,
        "x" * 49 + "\r\n" + "y" * 100,
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le"])
@pytest.mark.usefixtures("blocks")
def test_the_blocks_of_a_file_are_its_text(tmp_path: Path, content: str, encoding: str) -> None:
    if encoding == "utf-16-le" and not content.isascii():
        pytest.skip("no encoding without a mark is found in so few bytes")
    (tmp_path / "a.txt").write_bytes(content.encode(encoding))
    with gzip.open(tmp_path / "b.txt.gz", "wb") as file:
        file.write(content.encode(encoding))

    whole = decode(content.encode(encoding), "a.txt")[0]

    for name in ("a.txt", "b.txt.gz"):
        assert "".join(LargeText(tmp_path / name).blocks()) == whole
        assert LargeText(tmp_path / name).facts().characters == len(whole)


@pytest.mark.parametrize(
    ("content", "encoding", "message"),
    [
        (b"line\n" * 40 + b"caf\xe9 au lait", "", "a.txt is not UTF-8 in line 41: byte 203 is 0xe9; it is probably"),
        (b"line\n" * 40 + b"\0", "", "a.txt is no text: line 41 has 0x00"),
        (b"line\n" * 40 + b"caf\xe9", "ascii", "a.txt is not ascii: line 41, byte 203"),
        (b"x" * 60, "none", "there is no encoding 'none'"),
        (b"PK\x03\x04" + b"x" * 60, "", "a.txt is no text: it is a zip archive"),
        (b"", "", "a.txt is empty"),
    ],
)
@pytest.mark.usefixtures("blocks")
def test_a_file_that_is_no_text_is_refused_with_line_and_byte(
    tmp_path: Path, content: bytes, encoding: str, message: str
) -> None:
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(RecipeError, match="^" + message.replace(".", r"\.")):
        list(LargeText(tmp_path / "a.txt", encoding).blocks())


@given(st.text("ab \n", max_size=60), st.lists(st.integers(0, 60), max_size=5), st.integers(0, 60))
def test_halves_lines_and_parts_do_not_depend_on_the_blocks(text: str, places: list[int], cut: int) -> None:
    ends = sorted({0, len(text), *(place for place in places if place < len(text))})
    blocks = [text[start:end] for start, end in pairwise(ends)]
    halves = Halves(iter(blocks), cut)

    assert ("".join(halves.first()), "".join(halves.second())) == (text[:cut], text[cut:])
    assert line_start(blocks, cut) == (text.rfind("\n", 0, cut) + 1 or cut)
    parts = list(cut_before_spaces(blocks))
    assert "".join(parts) == text
    assert all(part.startswith(" ") for part in parts[1:])


# The tokens


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.text("ab éé.\n\u0301-'\u00a0\u0130\u03a3<u", max_size=30), st.integers(1, 7))
def test_the_ids_of_the_parts_are_those_of_the_text(text: str, size: int) -> None:
    beginning = "ab ba. aéb\n-'"
    texts = [beginning, text]
    made = (
        CharTokenizer.train(texts),
        ByteTokenizer(),
        WordTokenizer.train([beginning]),
        WordTokenizer.train([beginning], lowercase=True),
        WhitespaceTokenizer.train([beginning]),
        BPETokenizer.train([beginning * 3], vocab_size=20),
    )
    whole = f"{beginning} {text}"
    for tokenizer in made:
        encoder = part_encoder(tokenizer, beginning)
        parts = cut_before_spaces(whole[place : place + size] for place in range(0, len(whole), size))
        ids = np.frombuffer(b"".join(map(encoder, parts)), integer_type(tokenizer.size))
        if "\u0130" in text and "\u03a3" in text:  # lower case: the length changes, and a last sigma has its own form
            continue
        assert ids.tolist() == (tokenizer.encode(whole) if whole else [])


def test_ids_take_the_smallest_integers_and_words_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_numbers, "MOST_REMEMBERED", 2)
    assert [integer_type(size).itemsize for size in (2, 256, 257, 65_536, 65_537)] == [1, 1, 2, 2, 4]
    tokenizer = WordTokenizer.train([TEXT])
    encoder = part_encoder(tokenizer, TEXT)
    ids = np.frombuffer(b"".join(map(encoder, cut_before_spaces([TEXT[:1000], TEXT[1000:]]))), np.uint8)
    assert ids.tolist() == tokenizer.encode(TEXT)


@pytest.mark.parametrize("tokenizer", TOKENIZERS, ids=lambda table: table["name"])
@pytest.mark.parametrize("validation", [0.2, "other.txt"])
def test_a_large_text_gives_the_tokens_of_a_small_one(
    tmp_path: Path,
    registry: Registry,
    request: pytest.FixtureRequest,
    tokenizer: dict[str, object],
    validation: float | str,
) -> None:
    (tmp_path / "other.txt").write_text("the cat's café\non Mat, zzz", "utf-8")
    made = recipe(tmp_path, tokenizer, validation=validation)
    kind = tokenizer_type(registry, made.tokenizer)
    small = read_recipe_text(made, kind)
    request.getfixturevalue("blocks")
    large = read_recipe_text(made, kind)

    assert large[0].to_json() == small[0].to_json()
    for name in ("name", "sha256", "characters", "validation_bytes", "beginning"):
        assert getattr(large[1], name) == getattr(small[1], name) or name == "beginning"
    assert small[1].beginning.startswith(large[1].beginning)
    training = large[2]
    if isinstance(training, SectionTokens):  # those of each section, before they are in the file and after
        for _ in range(2):
            np.testing.assert_array_equal(
                np.concatenate([training[number] for number in range(len(training))]), small[2]
            )
            large = (*large[:2], training.all(), large[3])
    for mapped, ids in zip(large[2:], small[2:], strict=True):
        assert mapped.dtype == np.uint8
        np.testing.assert_array_equal(mapped[:], ids)


def test_subwords_of_a_very_large_text_are_learned_from_a_sample_and_words_from_all(
    tmp_path: Path, registry: Registry, blocks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(section_corpus, "SAMPLE", 300)
    monkeypatch.setattr(sections, "SECTION", 50)
    text = "first " * 20 + "the cat sat " * 80 + "seldom " + "the cat sat " * 120
    characters = set[str]()
    for name in ("word", "bpe"):
        tokenizer, _, training, _ = read_recipe_text(
            recipe(tmp_path, {"name": name}, text=text), registry.tokenizers[name]
        )
        assert isinstance(training, SectionTokens)
        assert training.number > 500
        characters |= {name + token for token in tokenizer.tokens[1:]}  # type: ignore[attr-defined]
    assert {"word seldom", "word first", "word the"} <= characters
    assert "bpem" not in characters  # it is in `seldom` alone
    assert "bpes" in characters


# The file


def test_a_large_file_is_understood_by_its_beginning(
    tmp_path: Path, blocks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(understanding, "SAMPLE", 300)
    path = tmp_path / "a.txt"
    path.write_text(TEXT + "\n" + "a\tb\n" * 1000)
    found = understanding.understand(path, {})
    assert (found.task, found.lines) == ("generate", (f"a.txt: plain text, {readable(path.stat().st_size)}",))
    path.write_text("".join(f"word {number}\tmot {number}\n" for number in range(100)))
    assert understanding.understand(path, {}).task == "translate"
    path.write_text("short")
    assert understanding.understand(path, {}).lines == ("a.txt: plain text, 5 characters",)


def test_a_format_of_a_file_is_found_in_its_first_block(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("it’s ".encode("cp1252") * 9)
    assert "".join(LargeText(tmp_path / "a.txt", FileFormat("cp1252").encoding).blocks()) == "it’s " * 9
