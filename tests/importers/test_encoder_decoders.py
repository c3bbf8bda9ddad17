"""Translators in the layouts of published programs, against the forward passes of the originals."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.importers import original_translators as originals
from torch import Tensor, nn

from seqshell import BOS, EOS, Session

SOURCE = ["der", "hund", "läuft", "."]
TARGET = ["the", "dog", "runs", "."]
MARKS = {
    "torchtext": ["<unk>", "<pad>", "<sos>", "<eos>"],
    "joey": ["<unk>", "<pad>", "<s>", "</s>"],
    "onmt": ["<unk>", "<blank>", "<s>", "</s>"],
    "onmt source": ["<unk>", "<blank>"],
    "lang": ["SOS", "EOS"],
    "voc": ["PAD", "SOS", "EOS"],
}


def random(model: nn.Module) -> Any:
    """The module with weights that are all far from zero."""
    torch.manual_seed(3)
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(0, 0.5)
    return model.eval()


def write_words(marks: str) -> None:
    for name, words in (("src_vocab.txt", SOURCE), ("trg_vocab.txt", TARGET)):
        Path(name).write_text("\n".join([*MARKS[marks], *words]) + "\n", "utf-8")


def assert_same(
    session: Session, model: Any, marks: str, source_marks: Sequence[str], source: str = "der hund läuft ."
) -> None:
    """The logits of all words after each token of a target are those of model(source ids, target ids).

    source_marks: before and after the source, "" for none.
    """
    vocabulary = [*MARKS.get(f"{marks} source", MARKS[marks]), *SOURCE]
    targets = [*MARKS[marks], *TARGET]
    words = [source_marks[0], *source.split(), source_marks[1]]
    start = next(mark for mark in targets if mark in ("<s>", "<sos>", "SOS"))
    written = ["the", "runs", "dog", "."]
    with torch.no_grad():
        expected = model(
            torch.tensor([vocabulary.index(word) for word in words if word]),
            torch.tensor([targets.index(word) for word in (start, *written)]),
        ).numpy()
    tokenizer, reader = session.model.tokenizer, session.model.source_tokenizer
    assert reader is not None
    ids = [*reader.encode(source), EOS]
    decoder: Any = session.model.decoder
    state = decoder.encode(np.array([ids]), np.array([len(ids)]))
    of_words = [tokenizer.encode(word)[0] for word in TARGET]
    end = next(mark for mark in targets if mark in ("</s>", "<eos>", "EOS"))
    for token, row in zip([BOS, *(tokenizer.encode(word)[0] for word in written)], expected, strict=True):
        outputs, state = decoder.step(np.array([token]), state)
        columns = [targets.index(word) for word in (*TARGET, end)]
        np.testing.assert_allclose(outputs[0][[*of_words, EOS]], row[columns], atol=2e-5)


@pytest.mark.parametrize("is_old", [False, True], ids=["present names", "earlier names"])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_notebooks_of_bentrevett(imported: Callable[..., Session], number: int, is_old: bool) -> None:
    model = random(originals.Bentrevett(number, len(SOURCE) + 4, len(TARGET) + 4))
    weights = model.state_dict()
    if is_old:
        weights = {name.replace("fc_out", "out"): each for name, each in weights.items()}
        if number == 3:
            weights["decoder.attention.v"] = weights.pop("decoder.attention.v.weight")[0]
    torch.save(weights, "model.pt")
    write_words("torchtext")
    assert_same(imported("model.pt"), model, "torchtext", ("<sos>", "<eos>"))


def test_tokens_of_one_character_each_are_the_letters_of_words(imported: Callable[..., Session]) -> None:
    torch.save(random(originals.Bentrevett(1, 7, 6)).state_dict(), "model.pt")
    Path("src_vocab.txt").write_text("<pad>\n<sos>\n<eos>\na\nb\nc\nd\n")
    Path("trg_vocab.txt").write_text("<pad>\n<sos>\n<eos>\nAE\nB\nK\n")
    model = imported("model.pt").model
    assert model.source_tokenizer is not None
    assert (model.source_tokenizer.encode("bad"), model.tokenizer.encode("K AE B")) == ([4, 3, 6], [5, 3, 4])


def test_the_first_notebook_of_bentrevett_with_reversed_sources(imported: Callable[..., Session]) -> None:
    model = random(originals.Bentrevett(1, len(SOURCE) + 4, len(TARGET) + 4))
    torch.save(model.state_dict(), "model.pt")
    write_words("torchtext")
    Path("map.toml").write_text("[config]\nreversed_source = true\n")

    def reversed_words(source: Tensor, target: Tensor) -> Tensor:
        found: Tensor = model(torch.cat((source[:1], source[1:-1].flip(0), source[-1:])), target)
        return found

    assert_same(imported("model.pt", "--map", "map.toml"), reversed_words, "torchtext", ("<sos>", "<eos>"))


@pytest.mark.parametrize("attention", ["bahdanau", "luong"])
@pytest.mark.parametrize(
    ("kind", "layers", "feeds", "bridge"),
    [("lstm", 2, True, True), ("gru", 1, True, True), ("lstm", 1, False, False)],
)
def test_models_of_joeynmt(
    imported: Callable[..., Session], kind: str, layers: int, feeds: bool, bridge: bool, attention: str
) -> None:
    sizes = len(SOURCE) + 4, len(TARGET) + 4
    model = random(originals.Joey(*sizes, kind, layers, attention=attention, feeds=feeds, bridge=bridge))
    torch.save({"steps": 3, "model_state": model.state_dict(), "best_ckpt_score": 1.5}, "best.ckpt")
    write_words("joey")
    assert_same(imported("best.ckpt"), model, "joey", ("", "</s>"))


@pytest.mark.parametrize("vocab", ["fields", "pairs", "lists"])
@pytest.mark.parametrize(
    ("kind", "layers", "feeds", "attention"),
    [("LSTM", 2, True, "general"), ("GRU", 1, True, "dot"), ("LSTM", 1, False, "general")],
)
def test_models_of_opennmt(
    imported: Callable[..., Session], kind: str, layers: int, feeds: bool, attention: str, vocab: str
) -> None:
    source, target = [*MARKS["onmt source"], *SOURCE], [*MARKS["onmt"], *TARGET]
    model = random(originals.OpenNMT(len(source), len(target), kind, layers, feeds=feeds, attention=attention))
    weights = {name: each for name, each in model.state_dict().items() if not name.startswith("generator.")}
    generator = {
        name.removeprefix("generator."): each for name, each in model.state_dict().items() if name not in weights
    }
    with originals.torchtext():
        found = originals.vocabularies(vocab, source, target)
        torch.save({"model": weights, "generator": generator, "vocab": found, "opt": None}, "model_step_9.pt")
    assert_same(imported("model_step_9.pt"), model, "onmt", ("", ""))


@pytest.mark.parametrize("attention", ["dot", "general", "concat"])
def test_the_chatbot_of_the_tutorial(imported: Callable[..., Session], attention: str) -> None:
    words = [*MARKS["voc"], *TARGET]
    model = random(originals.Chatbot(len(words), attention))
    entries = {"iteration": 4000, "en": model.encoder.state_dict(), "de": model.decoder.state_dict(), "loss": 2.5}
    voc = {"name": "movies", "trimmed": True, "index2word": dict(enumerate(words)), "num_words": len(words)}
    torch.save({**entries, "voc_dict": voc, "embedding": model.encoder.embedding.state_dict()}, "4000_checkpoint.tar")
    session = imported("4000_checkpoint.tar")
    ids = [BOS, *session.model.tokenizer.encode("dog the")]
    decoder: Any = session.model.decoder
    source = np.array([[*session.model.tokenizer.encode("the dog runs ."), EOS]])
    with torch.no_grad():
        expected = model(torch.tensor([3, 4, 5, 6, 2]), torch.tensor([1, 4, 3])).numpy()
    state = decoder.encode(source, np.array([5]))
    for token, row in zip(ids, expected, strict=True):
        outputs, state = decoder.step(np.array([token]), state)
        np.testing.assert_allclose(outputs[0], row[[0, 1, 2, 3, 4, 5, 6]], atol=2e-5)
    assert session.model.source_tokenizer is session.model.tokenizer


@pytest.mark.parametrize("form", ["weights and words", "two files", "modules"])
@pytest.mark.parametrize("attends", [False, True])
def test_the_translation_tutorial(imported: Callable[..., Session], attends: bool, form: str) -> None:
    source, target = [*MARKS["lang"], *SOURCE], [*MARKS["lang"], *TARGET]
    model = random(originals.Tutorial(len(source), len(target), attends))
    name = "model.pt"
    if form == "two files":
        name = "my_encoder.pt"
        torch.save(model.encoder.state_dict(), name)
        torch.save(model.decoder.state_dict(), "my_decoder.pt")
        write_words("lang")
    else:
        of = (lambda part: part) if form == "modules" else (lambda part: part.state_dict())
        langs = {"input_lang": originals.Lang(source), "output_lang": originals.Lang(target)}
        torch.save({"encoder": of(model.encoder), "decoder": of(model.decoder), **langs}, name)
    assert_same(imported(name), model, "lang", ("", "EOS"))


def test_the_old_translation_tutorial(imported: Callable[..., Session]) -> None:
    """Its attention has one weight for each of MAX_LENGTH places."""
    source, target = [*MARKS["lang"], *SOURCE], [*MARKS["lang"], *TARGET]
    model = random(originals.Tutorial(len(source), len(target), False, places=9))
    langs = {"input_lang": originals.Lang(source), "output_lang": originals.Lang(target)}
    torch.save({"encoder": model.encoder.state_dict(), "decoder": model.decoder.state_dict(), **langs}, "model.pt")
    assert_same(imported("model.pt"), model, "lang", ("", "EOS"))


def test_a_translation_is_that_of_the_original(imported: Callable[..., Session]) -> None:
    """Greedy search to the end of the sentence, with the words of the file."""
    source, target = [*MARKS["lang"], *SOURCE], [*MARKS["lang"], *TARGET]
    model = random(originals.Tutorial(len(source), len(target), True))
    langs = {"input_lang": originals.Lang(source), "output_lang": originals.Lang(target)}
    torch.save({"encoder": model.encoder.state_dict(), "decoder": model.decoder.state_dict(), **langs}, "model.pt")
    ids = [0]
    with torch.no_grad():
        while len(ids) < 9 and ids[-1] != 1:
            best = model(torch.tensor([2, 4, 1]), torch.tensor(ids))[-1].numpy()
            best[0] = -np.inf  # SOS is never written
            ids.append(int(best.argmax()))
    words = [target[number] for number in ids[1:] if number > 1]
    (*_, translation) = imported("model.pt").translate("der läuft", 8, strategy="greedy")
    assert translation.answer.split() == words


def test_a_file_without_its_words_says_where_they_must_be(refused: Callable[..., str]) -> None:
    torch.save(originals.Bentrevett(1, 8, 9).state_dict(), "model.pt")
    assert "model.pt: the file does not name its 8 source and 9 target tokens; write them" in refused("model.pt")
    write_words("torchtext")
    assert "trg_vocab.txt has 8 tokens, but the weights are for 9" in refused("model.pt")
    Path("src_vocab.txt").write_bytes(b"\xff\n" * 8)
    assert "src_vocab.txt is not UTF-8" in refused("model.pt")


def test_what_does_not_fit_is_named_with_its_shape_and_the_nearest_architecture(refused: Callable[..., str]) -> None:
    write_words("torchtext")
    weights = originals.Bentrevett(3, 8, 8).state_dict()
    torch.save(weights | {"encoder.norm.weight": torch.ones(4)}, "model.pt")
    assert "encoder.norm.weight [4] is not part of attention_seq2seq, the nearest" in refused("model.pt")
    torch.save(weights | {"encoder.fc.weight": torch.ones(2, 3)}, "model.pt")
    assert "encoder.fc.weight is [2, 3]; attention_seq2seq with these sizes needs [6, 8]" in refused("model.pt")
    torch.save(weights | {"encoder.rnn.weight_hh_l0": torch.ones(8, 4)}, "model.pt")
    assert "encoder.rnn.weight_hh_l0 has 2 gates; an lstm has 4, a gru 3 and an rnn 1" in refused("model.pt")
    torch.save(weights | {"encoder.embedding.weight": torch.ones(8, 5, dtype=torch.int64)}, "model.pt")
    assert "needs a tensor of floats with 2 axes there" in refused("model.pt")
    torch.save({name: each for name, each in weights.items() if name != "encoder.fc.weight"}, "model.pt")
    assert "the file has no tensor encoder.fc.weight, which attention_seq2seq needs" in refused("model.pt")


@pytest.mark.parametrize(
    ("name", "value"), [("global_attention_function", "sparsemax"), ("copy_attn", True), ("generator_function", [1])]
)
def test_what_opennmt_computes_otherwise_is_refused(refused: Callable[..., str], name: str, value: Any) -> None:
    model = random(originals.OpenNMT(8, 9, "GRU", 1, feeds=True, attention="general"))
    options = Namespace(rnn_size=8, **{name: value})
    torch.save({"model": model.state_dict(), "generator": {}, "vocab": [], "opt": options}, "model.pt")
    assert f"its option {name} is {str(value)!r}, which no architecture has" in refused("model.pt")


def test_a_checkpoint_without_its_vocabulary_is_refused(refused: Callable[..., str]) -> None:
    model = originals.Chatbot(7, "concat")
    parts = {"en": model.encoder.state_dict(), "de": model.decoder.state_dict()}
    torch.save({**parts, "voc_dict": {"index2word": {1: "a"}}}, "chatbot.tar")
    assert "its voc_dict has no index2word with the numbers 0, 1, 2, ..." in refused("chatbot.tar")
    parts["de"]["attn.attn.weight"] = torch.ones(6, 6)
    torch.save({**parts, "voc_dict": {"index2word": dict(enumerate("abcdefg"))}}, "chatbot.tar")
    assert "de.attn.attn.weight must be [6, 12] for concat attention" in refused("chatbot.tar")
    found = originals.OpenNMT(6, 8, "LSTM", 1, feeds=True, attention="dot")
    torch.save({"model": found.state_dict(), "generator": {}, "vocab": {"src": 3}}, "step.pt")
    assert "the file names no tokens for src in its vocab" in refused("step.pt")
