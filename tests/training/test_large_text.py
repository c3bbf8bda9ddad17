"""Large texts: read in blocks, encoded once into a file, with the tokens and the weights of a text in memory."""

from __future__ import annotations

import dataclasses
import gzip
import io
import random
import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file

from seqshell.cli import main
from seqshell.core.errors import RecipeError, VocabularyError
from seqshell.core.events import Progress
from seqshell.core.subword_tokenizers import BPETokenizer, WordTokenizer
from seqshell.core.tables.encoding import decode
from seqshell.core.text_output import readable
from seqshell.core.tokenizers import ByteTokenizer, CharTokenizer
from seqshell.core.whitespace_tokenizer import WhitespaceTokenizer
from seqshell.host import Registry
from seqshell.training.data import (
    large_text,
    row_encoding,
    understanding,
    word_counting,
    word_numbers,
    worker_processes,
)
from seqshell.training.data.array_store import ArrayStore, check_room, locked, remove_stores, write_store
from seqshell.training.data.encoding_workers import EncodingWorkers, encoded_rows, num_workers
from seqshell.training.data.file_format import FileFormat
from seqshell.training.data.large_text import Halves, LargeText, cut_before_spaces, line_start
from seqshell.training.data.part_encoding import part_encoder
from seqshell.training.data.small_integers import integer_type
from seqshell.training.data.text import Streams
from seqshell.training.data.token_rows import NewRows, TextRows, TokenRows, lengths_of
from seqshell.training.language import begun, section_corpus, sections
from seqshell.training.language.corpus import beside, large_corpus, read_recipe_text
from seqshell.training.language.sections import SectionTokens
from seqshell.training.loop import train
from seqshell.training.preparation import tokenizer_type
from seqshell.training.preparation_progress import Stages, reported
from seqshell.training.recipes.recipe import Recipe, recipe_from

WORDS = ("the", "cat", "café", "l'homme", "sat.", "on", "Mat,\nAnd", "naïve", "log!", "42", "x\n", "")
TEXT = " ".join(random.Random(0).choices(WORDS, k=600)) + "\nend"
TOKENIZERS = (
    {"name": "char"},
    {"name": "byte"},
    {"name": "word", "min_freq": 2},
    {"name": "whitespace"},
    {"name": "bpe", "vocab_size": 60},
)
TRAINING = {"epochs": 1, "batch_size": 8, "sequence_length": 16, "sample_length": 5, "precision": "float32"}


@pytest.fixture
def blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file is large, and is read in small blocks."""
    monkeypatch.setattr(large_text, "LARGE", 1)
    monkeypatch.setattr(large_text, "BLOCK", 50)


def recipe(folder: Path, tokenizer: dict[str, object] = TOKENIZERS[0], text: str = TEXT, **data: object) -> Recipe:
    (folder / "text.txt").write_text(text, "utf-8")
    tables = {
        "task": "generate",
        "architecture": "gru",
        "data": {"text": "text.txt", **data},
        "tokenizer": tokenizer,
        "model": {"embed_size": 4, "hidden_size": 6},
        "training": TRAINING,
    }
    return recipe_from(tables, name="small", folder=folder)


def stored(made: Recipe, registry: Registry) -> Path:
    """The file with the tokens."""
    found = large_corpus(made, tokenizer_type(registry, made.tokenizer))
    assert found is not None
    return found.path


def bent(path: Path, place: int) -> None:
    """Change one byte of a file."""
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


def assert_same_weights(one: Path, other: Path) -> None:
    left, right = load_file(one), load_file(other)
    assert left.keys() == right.keys()
    for name in left:
        np.testing.assert_array_equal(left[name], right[name])


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


def test_the_weights_are_those_of_a_text_in_memory_and_the_next_run_reuses_the_file(
    tmp_path: Path, registry: Registry, request: pytest.FixtureRequest
) -> None:
    made = recipe(tmp_path, TOKENIZERS[1])
    list(train(made, registry, tmp_path / "one.safetensors"))
    assert not (tmp_path / "encoded").exists()
    request.getfixturevalue("blocks")
    events = list(train(made, registry, tmp_path / "two.safetensors"))

    assert_same_weights(tmp_path / "one.safetensors", tmp_path / "two.safetensors")
    stages = [event.description for event in events if isinstance(event, Progress)]
    assert list(dict.fromkeys(stages))[:2] == ["reading text.txt", "encoding text.txt"]
    (path,) = (tmp_path / "encoded").glob("*.tokens")
    written = path.stat().st_mtime_ns
    events = list(train(made, registry, tmp_path / "three.safetensors"))
    assert "encoding text.txt" not in [event.description for event in events if isinstance(event, Progress)]
    assert path.stat().st_mtime_ns == written


def test_a_training_on_characters_begins_before_they_are_encoded(
    tmp_path: Path, registry: Registry, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = recipe(tmp_path)
    small = Streams(read_recipe_text(made, CharTokenizer)[2], 5, 7)
    request.getfixturevalue("blocks")
    monkeypatch.setattr(begun, "BLOCK", 50)
    monkeypatch.setattr(begun, "MOST_BLOCKS", 3)
    _, text, ids, validation = read_recipe_text(made, CharTokenizer)
    assert isinstance(ids, begun.BegunTokens)
    assert not stored(made, registry).exists()
    assert_same_batches(Streams(ids, 5, 7), small)  # type: ignore[arg-type]  # read like an array
    assert [int(ids[0]), int(ids[-1])] == [small.ids[0], small.ids[-1]]
    assert text.validation_bytes == len(TEXT[len(ids) :].encode())

    with beside(made, CharTokenizer, None):
        assert_same_batches(Streams(ids, 5, 7), small)  # type: ignore[arg-type]  # as above
        while not stored(made, registry).exists():
            threading.Event().wait(0.01)
    (tmp_path / "text.txt").write_text("changed " * 200)
    assert_same_batches(Streams(ids, 5, 7), small)  # type: ignore[arg-type]  # as above
    np.testing.assert_array_equal(validation[:9], read_recipe_text(recipe(tmp_path), CharTokenizer)[3][:9])
    remove_stores(stored(made, registry).parent)
    _, _, ids, _ = read_recipe_text(made, CharTokenizer)
    (tmp_path / "text.txt").write_text("again " * 200)
    with pytest.raises(RecipeError, match=r"^text\.txt was changed while it was read; train again$"):
        ids[5]


def assert_same_batches(one: Streams, other: Streams) -> None:
    for batch, expected in zip(one.batches(11), other.batches(11), strict=True):
        np.testing.assert_array_equal(batch, expected)


def test_a_stopped_training_continues_as_one_in_memory_that_was_not_stopped(
    tmp_path: Path, registry: Registry, request: pytest.FixtureRequest
) -> None:
    made, out, whole = recipe(tmp_path), tmp_path / "part.safetensors", tmp_path / "whole.safetensors"
    list(train(made, registry, whole))
    request.getfixturevalue("blocks")
    events = train(made, registry, out)
    for number, _ in enumerate(
        event for event in events if isinstance(event, Progress) and "epoch" in event.description
    ):
        if number == 7:
            events.close()
            break
    remove_stores(tmp_path / "encoded")
    list(train(made, registry, out, resume=True))

    assert_same_weights(out, whole)


@pytest.mark.parametrize("harm", ["ids", "end", "cut", "none"])
def test_a_damaged_file_is_written_again(tmp_path: Path, registry: Registry, blocks: None, harm: str) -> None:
    made = recipe(tmp_path, TOKENIZERS[1])
    kind = tokenizer_type(registry, made.tokenizer)
    before = np.array(read_recipe_text(made, kind)[2])
    path = stored(made, registry)
    if harm == "cut":
        path.write_bytes(path.read_bytes()[:-5])
    elif harm != "none":
        bent(path, {"ids": 5, "end": -1}[harm])
    assert (ArrayStore.open(path) is None) == (harm != "none")

    np.testing.assert_array_equal(read_recipe_text(made, kind)[2], before)
    assert ArrayStore.open(path) is not None


def test_a_changed_text_has_another_file_and_is_not_resumed(tmp_path: Path, registry: Registry, blocks: None) -> None:
    made, out = recipe(tmp_path), tmp_path / "a.safetensors"
    list(train(made, registry, out))
    before = stored(made, registry)
    recipe(tmp_path, text=TEXT.replace("cat", "dog"))

    assert stored(made, registry) != before
    with pytest.raises(RecipeError, match=r"text\.txt has changed since"):
        list(train(made, registry, out, resume=True))


def test_a_text_that_changes_while_it_is_encoded_is_refused(tmp_path: Path, registry: Registry, blocks: None) -> None:
    made = recipe(tmp_path)
    found = large_corpus(made, tokenizer_type(registry, made.tokenizer))
    assert found is not None

    def stages(stage: str) -> object:
        if stage.startswith("vocabulary"):
            (tmp_path / "text.txt").write_text(TEXT.replace("cat", "tac"), "utf-8")
        return large_text.unheard

    with pytest.raises(RecipeError, match=r"text\.txt was changed while it was read; train again"):
        found.encode(stages)  # type: ignore[arg-type]
    assert not list(tmp_path.rglob("*.tokens"))


def test_work_that_is_stopped_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "encoded" / "a.tokens"
    begun = threading.Event()

    def work(stages: Stages) -> None:
        report = stages("encoding")

        def parts() -> Iterator[bytes]:
            while True:
                yield b"1"
                begun.set()
                report(1, 2)

        write_store(path, [("ids", "u1", parts())], {})

    assert {event.done for event in reported(work, begun.is_set)} <= {1}
    assert list(path.parent.iterdir()) == []
    with pytest.raises(RecipeError, match=r"^cannot read none: No such file"):
        list(reported(lambda stages: print(LargeText(Path("none")).facts()), lambda: False))


def test_two_trainings_write_a_file_once_and_a_full_disk_is_one_clear_line(
    tmp_path: Path, registry: Registry, blocks: None
) -> None:
    path = tmp_path / "encoded" / "a.tokens"
    with locked(path) as mine, locked(path) as other:
        assert (mine, other) == (True, False)
        assert remove_stores(tmp_path / "encoded") == []
        assert path.with_suffix(".lock").exists()
    with pytest.raises(RecipeError, match="MB free, but the encoded data needs about 1,000,000,000,000 MB; choose"):
        check_room(path, 10**18)
    (tmp_path / "file").touch()
    with pytest.raises(RecipeError, match=r"^cannot write to"):
        list(train(recipe(tmp_path), registry, tmp_path / "file" / "a.safetensors"))


def test_stores_are_removed_with_what_unfinished_ones_left(tmp_path: Path, registry: Registry, blocks: None) -> None:
    made = recipe(tmp_path, TOKENIZERS[1])
    read_recipe_text(made, tokenizer_type(registry, made.tokenizer))
    path = stored(made, registry)
    size, left = path.stat().st_size, path.with_name(".seqshell-1-a.tmp")
    left.write_bytes(b"12345")
    (path.parent / "other.txt").touch()

    assert remove_stores(path.parent) == [(left, 5), (path, size)]
    assert [each.name for each in path.parent.iterdir()] == ["other.txt"]
    assert remove_stores(tmp_path / "none") == []


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


def test_models_clean_says_what_it_removes(
    tmp_path: Path, blocks: None, registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    made = dataclasses.replace(recipe(tmp_path, TOKENIZERS[1]), store=tmp_path / "encoded")
    read_recipe_text(made, ByteTokenizer)
    path = stored(made, registry)
    size = path.stat().st_size

    assert main(["models", "clean", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"removed {path} ({readable(size)})\nfreed {readable(size)}\n"
    assert main(["models", "clean", str(tmp_path), "--json"]) == 0
    assert capsys.readouterr().out == '{"removed":[],"bytes":0}\n'
    assert main(["models", "clean", str(tmp_path / "none")]) == 2
    assert main(["models", "list", "all"]) == 2


def test_a_format_of_a_file_is_found_in_its_first_block(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("it’s ".encode("cp1252") * 9)
    assert "".join(LargeText(tmp_path / "a.txt", FileFormat("cp1252").encoding).blocks()) == "it’s " * 9


def test_workers_give_the_same_ids_and_a_part_that_they_lose_is_encoded_here() -> None:
    tokenizer = WordTokenizer.train([TEXT[:1500]])
    parts = list(cut_before_spaces([TEXT[:900], TEXT[900:1800], TEXT[1800:]])) * 3
    expected = list(map(part_encoder(tokenizer, TEXT), parts))
    with EncodingWorkers(tokenizer, TEXT, 2) as workers:
        found = workers.encoded(iter(parts))
        first = [next(found) for _ in range(2)]
        workers.workers.processes[0].kill()
        assert [*first, *found] == expected
    groups = [[b"", b" aa", "\u03a3 b".encode()], [TEXT.encode(), b"zzz"]] * 2
    with EncodingWorkers(tokenizer, None, 2) as workers, EncodingWorkers(tokenizer, None, 0) as none:
        answers = workers.encoded_rows(groups)
        found = [next(answers), next(answers)]
        workers.workers.processes[0].kill()
        for one, other in zip([*found, *answers], none.encoded_rows(groups), strict=True):
            for array, expected in zip(one, other, strict=True):
                np.testing.assert_array_equal(array, expected)
    assert num_workers(WordTokenizer, 10) == num_workers(CharTokenizer, 10**9) == 0


def test_words_have_the_numbers_of_the_first_that_are_equal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_numbers, "WINDOW", 50)
    monkeypatch.setattr(word_numbers, "LONG", 24)
    draws = random.Random(0)
    words = [
        *(str(draws.randrange(9000)) * draws.randint(1, 8) for _ in range(9000)),
        "",
        "",
        "x" * 60,
        "é" * 20,
        "1",
        "x" * 60,
        "",
    ]
    number, found, new, expected = word_numbers.WordNumbers(), [], [], dict[str, int]()
    for start in range(0, len(words), 1000):
        numbers, some = number(" ".join(words[start : start + 1000]).encode())
        found += numbers.tolist()
        new += some
    assert [new[place].decode() for place in found] == words
    expected = [expected.setdefault(word, len(expected)) for word in words[:9005]]
    assert found[:9005] == expected
    assert number.size == len(new) == len(set(words)) + 1  # a word that is longer than a window comes again


def test_words_are_counted_as_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = list(cut_before_spaces([TEXT[:900], TEXT[900:1800], TEXT[1800:], "end"]))
    parts = [text.encode() for text in texts]
    for most in (word_numbers.MOST_REMEMBERED, 3):
        monkeypatch.setattr(word_numbers, "MOST_REMEMBERED", most)
        for kind in (WordTokenizer, WhitespaceTokenizer):
            assert kind.train(word_numbers.word_counts(parts)).to_json() == kind.train(["".join(texts)]).to_json()
    assert list(word_numbers.word_counts([b"alone"])) == [("alone", 1)]
    monkeypatch.setattr(word_counting, "TOGETHER", 3)
    rows_of_text = [*TEXT[:600].split("\n"), "\tthe cat", "", " the  cat ", "\u00a0the"]
    rows = NewRows(np.uint8)
    for text in rows_of_text:
        rows.append(text.encode())
    for kind in (WordTokenizer, WhitespaceTokenizer):
        found = kind.train(word_counting.row_counts(TextRows(*map(np.asarray, rows.arrays()))))
        assert found.to_json() == kind.train(rows_of_text).to_json()


def test_words_are_counted_in_several_processes_and_a_killed_one_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_processes, "available_cores", lambda: 2)
    texts = list(cut_before_spaces([TEXT[:900], TEXT[900:1800], TEXT[1800:], "end"]))
    expected, parts = WordTokenizer.train(texts), [text.encode() for text in texts]
    found = WordTokenizer.train(word_counting.counted_words(parts, worker_processes.LEAST))
    assert found.to_json() == expected.to_json()

    def counted_here(content: bytes) -> bytes:
        out = io.BytesIO()
        monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b"{}\n" + content)))
        monkeypatch.setattr("sys.stdout", SimpleNamespace(buffer=out))
        word_counting._work()
        return out.getvalue()

    framed, some = worker_processes.framed, " a é a".encode()
    assert counted_here(framed(some) + framed(b"")) == framed(b'[[" a", 2], [" \\u00e9", 1]]') + framed(b"")
    with pytest.raises(SystemExit):  # the caller was killed
        counted_here(framed(some))
    monkeypatch.undo()
    monkeypatch.setattr(worker_processes, "available_cores", lambda: 2)

    class Killed(worker_processes.WorkerProcesses):
        def __enter__(self) -> worker_processes.WorkerProcesses:
            super().__enter__()
            self.processes[-1].kill()
            return self

    monkeypatch.setattr(word_counting, "WorkerProcesses", Killed)
    with pytest.raises(RecipeError, match=r"^a process that counted words was killed; train again$"):
        list(word_counting.counted_words(parts, worker_processes.LEAST))


@settings(max_examples=40)
@given(st.lists(st.text("abé.\n\u0301- \u0130\u03a3q<", max_size=12), max_size=9))
def test_the_ids_of_many_texts_are_those_of_each(texts: list[str]) -> None:
    beginning = "ab ba. aéb\n-' a\u03c2 7"
    for tokenizer in (
        CharTokenizer("ab é.\n"),
        WordTokenizer.train([beginning], lowercase=True, specials=True),
        WhitespaceTokenizer.train([beginning], end_of_line=False),
        BPETokenizer.train([beginning * 3], vocab_size=20),
    ):
        expected = []
        for text in texts:
            try:
                expected.append(tokenizer.encode(text))
            except VocabularyError:
                expected.append(None)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(row_encoding, "TOGETHER", 4)
            found = list(encoded_rows(tokenizer, texts))
        ids, sizes = (np.concatenate([np.zeros(0, int), *(part[place] for part in found)]) for place in (0, 1))
        assert sizes.tolist() == [len(each or ()) for each in expected]
        assert ids.tolist() == [token for each in expected for token in each or ()]


def test_the_ids_of_texts_are_kept_in_small_integers() -> None:
    new = NewRows.of_ids(CharTokenizer("abcdef"))
    for row in ([1, 2], [3], []):
        new.append(row)
    rows = TokenRows(*new.arrays())
    assert list(rows) == rows[:] == [[1, 2], [3], []]
    assert (rows[-2], rows[::2], len(rows)) == ([3], [[1, 2], []], 3)
    assert lengths_of(rows).tolist() == lengths_of(list(rows)).tolist() == [2, 1, 0]
    with pytest.raises(IndexError):
        rows[3]
