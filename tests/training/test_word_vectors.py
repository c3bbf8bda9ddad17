"""Pretrained word vectors: the formats, the coverage, what is wrong with a line, and the embeddings of a model."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from seqshell.core.errors import RecipeError
from seqshell.core.subword_tokenizers import WordTokenizer
from seqshell.core.tokenizers import ByteTokenizer, CharTokenizer
from seqshell.host.builtin import load_registry
from seqshell.training import word_vectors
from seqshell.training.loop import train
from seqshell.training.preparation import prepare
from seqshell.training.recipes.recipe import recipe_from
from seqshell.training.word_vectors import read_vectors

TEXT = "the cat sat on the mat and The dog sat " * 20
GLOVE = "the 1 2 3\ncat 4 5 6\n. . . 7 8 9\ndog -1e-1 0 .5\n"
WORDS = WordTokenizer.train([TEXT])


@pytest.fixture
def written(tmp_path):
    def write(text: str, name: str = "glove.txt") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8", newline="")
        return path

    return write


@pytest.mark.parametrize(
    "text",
    [GLOVE, "4 3\n" + GLOVE, GLOVE.replace("\n", " \r\n"), GLOVE + "zebra 1 2 3\nthe 9 9 9\n"],
    ids=["glove", "word2vec", "spaces", "more"],
)
def test_the_vectors_of_a_vocabulary_are_read_in_each_format(written, text):
    (found,) = read_vectors(written(text), [WORDS])
    vectors = {WORDS.tokens[token]: values.tolist() for token, values in zip(found.tokens, found.values, strict=True)}

    vectors = {word.strip(): vector for word, vector in vectors.items()}
    dog = [np.float32(-0.1).item(), 0, 0.5]
    assert vectors == {"the": [1, 2, 3], "The": [1, 2, 3], "cat": [4, 5, 6], "dog": dog}
    assert re.fullmatch(r"glove.txt: vectors of 3 numbers for 4 of \d+ tokens \(\d\d\.\d %\)", found.describe())


def test_characters_and_bytes_may_have_vectors(written):
    path = written("a 1 2\nb 3 4\n")
    characters, of_bytes = read_vectors(path, [CharTokenizer("ab c"), ByteTokenizer()])

    assert characters.tokens.tolist() == [0, 1]
    assert of_bytes.tokens.tolist() == list(b"ABab")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("the 1 2\ncat 1\n", "glove.txt, line 2: 1 number after the word, not 2"),
        ("the\n", "glove.txt, line 1: 0 numbers after the word, not 1"),
        ("1 2\nthe 1 x\n", "glove.txt, line 2: 'x' is not a number"),
        ("the 1 nan\n", "glove.txt, line 1: a number is NaN or infinite"),
        ("the 1 1e99\n", "glove.txt, line 1: a number is NaN or infinite"),
        ("zebra 1 2\n", "data.vectors: glove.txt has a vector for no token of the vocabulary"),
        ("x" * 200, "glove.txt, line 1 has more than 100 bytes; is it a file of vectors?"),
    ],
)
def test_a_bad_line_is_named(written, monkeypatch, text, message):
    monkeypatch.setattr(word_vectors, "LONGEST_LINE", 100)
    with pytest.raises(RecipeError, match=re.escape(message)):
        read_vectors(written(text), [WORDS])


def prepared(folder: Path, task: str = "generate", data=None, model=None, text=TEXT, **training):
    (folder / "text.txt").write_text(text)
    (folder / "pairs.tsv").write_text("the cat\tle chat\na dog\tun chien\nthe dog\tle chien\n" * 5)
    (folder / "wave.csv").write_text("hour,x\n" + "".join(f"{row},{row % 7}\n" for row in range(120)))
    tables = {
        "generate": ("gru", {"text": "text.txt"}, {"embed_size": 3, "hidden_size": 3}),
        "translate": (
            "attention_seq2seq",
            {"pairs": "pairs.tsv", "validation": 0.4},
            {"embed_size": 3, "hidden_size": 4},
        ),
        "forecast": ("forecaster", {"table": "wave.csv"}, {"hidden_size": 4, "horizon": 2, "window": 4, "segment": 2}),
    }
    architecture, own, settings = tables[task]
    recipe = {
        "task": task,
        "architecture": architecture,
        "data": own | {"vectors": "glove.txt"} | (data or {}),
        "model": settings | (model or {}),
        "training": {"device": "cpu", **training},
    }
    recipe |= {} if task == "forecast" else {"tokenizer": {"name": "word"}}
    return prepare(recipe_from(recipe, name="small", folder=folder), load_registry())


def test_the_embeddings_of_a_model_begin_with_the_vectors(written, tmp_path):
    written(GLOVE)
    found = prepared(tmp_path)
    weight = found.new_module().embedding.weight

    assert weight[found.tokenizer.ids[" cat"]].tolist() == [4, 5, 6]
    assert weight[found.tokenizer.ids[" mat"]].tolist() != [4, 5, 6]
    share = 100 * 4 / found.tokenizer.size
    assert found.notes == (f"glove.txt: vectors of 3 numbers for 4 of {found.tokenizer.size} tokens ({share:.1f} %)",)


def test_a_translation_model_gets_those_of_its_vocabularies(written, tmp_path):
    written(GLOVE + "chien 7 7 7\n")
    found = prepared(tmp_path, "translate")
    weights = dict(found.new_module().named_parameters())
    rows = [weight[found.tokenizer.ids[" chien"]] for name, weight in weights.items() if "embedding" in name]

    assert rows
    assert all(torch.equal(row, torch.tensor([7.0, 7, 7])) for row in rows)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": {"embed_size": 4}}, "glove.txt has vectors of 3 numbers, and embedding.weight has 4"),
        ({"model": {"embed_size": 0}}, "the model has no embedding of"),
        ({"data": {"vectors": "none.txt"}}, "none.txt: No such file or directory"),
        ({"task": "forecast"}, "data.vectors: a series has no words"),
    ],
)
def test_vectors_that_do_not_fit_are_refused(written, tmp_path, changes, message):
    written(GLOVE)
    changes = {"model": {}, **changes}
    with pytest.raises(RecipeError, match=re.escape(message)):
        prepared(tmp_path, **changes).new_module()


def test_with_a_parent_only_its_new_words_get_vectors(written, tmp_path):
    written(GLOVE)
    old = prepared(
        tmp_path, data={"vectors": ""}, epochs=1, sample_every=0, sample_length=5, precision="float32"
    ).recipe
    list(train(old, load_registry(), tmp_path / "old.safetensors"))
    written("the 1 2 3\nzebra 4 5 6\n")
    found = prepared(tmp_path, text=TEXT + "zebra zebra zebra " * 9, parent=str(tmp_path / "old.safetensors"))
    weight = found.new_module().embedding.weight

    assert weight[found.tokenizer.ids[" zebra"]].tolist() == [4, 5, 6]
    assert weight[found.tokenizer.ids[" the"]].tolist() != [1, 2, 3]
