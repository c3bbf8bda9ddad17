"""/attention, /score, /top, /regen and /info of translation models."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.shell.sending import only, send

from seqshell.core.attention_labels import alignment, labels, names
from seqshell.core.errors import UsageError
from seqshell.core.events import (
    Attention,
    Data,
    Score,
    Top,
    Translation,
)
from seqshell.core.json_values import tidy
from seqshell.core.pictures import raster
from seqshell.models.summary import title
from seqshell.shell.completion import complete
from seqshell.testing import shell_for, tiny_checkpoint, tiny_translation_checkpoint


@pytest.fixture
def shell(background_translator):
    """The shell of `background_translator`."""
    return background_translator


def test_attention_is_that_of_the_last_translation_of_any_model(shell):
    with pytest.raises(UsageError, match="nothing has been translated yet"):
        send(shell, "/attention")
    finished = only(shell, "/translate i love the cat .", Translation)
    (shown,) = send(shell, "/attention")
    fields = shown.as_json()

    assert isinstance(shown, Attention)
    assert fields["source"] == ["i", "love", "the", "cat", ".", "<eos>"]
    assert fields["target"] == finished.answer.split()
    weights = np.array(fields["weights"])
    assert weights.shape == (finished.num_tokens, 6)
    assert weights.sum(1) == pytest.approx(1)
    assert fields["alignment"] == weights.argmax(1).tolist()
    assert shell.last_result.text.split("\n")[0].split() == fields["source"]


def test_attention_is_written_as_numbers_a_table_and_pictures(shell):
    send(shell, "/translate i love the cat .")
    values = only(shell, "/attention -o a.json", Data).values
    for name in ("a.txt", "a.png", "a.svg", "a.pdf"):
        send(shell, f"/attention -o {name}")

    assert json.loads(Path("a.json").read_text()) | {"file": "a.json"} == tidy(values)
    assert Path("a.txt").read_text().split()[:6] == values["source"]
    assert Path("a.png").read_bytes().startswith(b"\x89PNG")
    assert Path("a.pdf").read_bytes().startswith(b"%PDF")
    assert "<svg" in Path("a.svg").read_text()


def test_a_picture_without_matplotlib_gives_a_one_line_error(shell, monkeypatch):
    send(shell, "/translate i love the cat .")
    monkeypatch.setattr(raster.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        UsageError,
        match=r"a picture needs matplotlib: pip install matplotlib; .html, .svg, .json and .txt work without",
    ):
        send(shell, "/attention -o a.png")
    assert not Path("a.png").exists()


def test_special_characters_are_drawn_literally(shell, monkeypatch):
    odd = Attention(("$x_1$", "\u65e5", " \x1b[2J"), ("$", ""), np.full((2, 3), 1 / 3))
    monkeypatch.setattr(type(shell.session), "attention", lambda session: odd)
    send(shell, "/translate the cat")
    send(shell, "/attention -o a.png")
    assert Path("a.png").stat().st_size > 1000


def test_names_of_tokens_distinguish_words_from_parts():
    assert names(("trans", "lat", " it", ".", "")) == ("trans", "lat", "it", ".", "<eos>")
    assert labels(("trans", "lat", " it", ".", "")) == ("trans", "+lat", "it", ".", "<eos>")
    assert labels(("aujourd", "'", "hui", " ")) == ("aujourd", "'", "hui", " ")
    assert alignment([[0.1, 0.8, 0.1], [0.5, 0.5, 0.0]]) == (1, 0)


def test_score_takes_a_source_and_its_translation(translator):
    send(translator, "/set replace_unk off")
    finished = only(translator, "i love the cat .", Translation)
    before = translator.session.ids()
    (shown,) = send(translator, f"/score i love the cat . => {finished.answer}")

    assert isinstance(shown, Score)
    assert translator.session.ids() == before
    assert "".join(token.text for token in shown.tokens[:-1]).strip() == finished.answer
    assert shown.tokens[-1].text == shown.as_json()["tokens"][-1]["text"] == "<eos>"
    assert shown.log_prob == pytest.approx(finished.log_prob)
    assert all(
        token.rank == 0 or token.most_likely[0][0] in ("<pad>", "<bos>", " <unk>") for token in shown.tokens
    )  # greedy


def test_top_and_regen_work_on_translations(translator):
    finished = only(translator, "i love the cat .", Translation)
    send(translator, "/undo 1t")
    (top,) = send(translator, "/top 20")
    assert isinstance(top, Top)
    assert finished.answer.endswith(max(top.tokens, key=lambda token: token.chain_log_prob).text)
    send(translator, "/strategy beam width=4")
    found = [event for event in send(translator, "/regen 3") if isinstance(event, Translation)]
    assert [event.candidate for event in found] == [1, 2, 3]
    assert [event.branch for event in found] == ["main.2", "main.3", "main.4"]
    assert len({event.answer for event in found}) == 3


def test_info_shows_both_vocabularies(tmp_path):
    shell = shell_for()
    shell.open(tiny_translation_checkpoint(tmp_path / "words.safetensors"))
    lines = [" ".join(line.split()) for line in send(shell, "/info")[0].as_text().split("\n")]
    assert "source tokens word, vocabulary of 12" in lines
    assert "tokenizer word, vocabulary of 13" in lines


def test_the_title_has_cell_and_bleu():
    header = {
        "architecture": "attention_seq2seq",
        "config": {"cell": "lstm", "num_layers": 1, "hidden_size": 512},
        "tokenizer": {"name": "bpe"},
        "parameters": 5_200_000,
        "provenance": {"metrics": {"loss": 1.3, "bleu": 41.23, "chrf": 60.1}},
    }
    assert (
        title("english-french", header)
        == "english-french: subword attention LSTM seq2seq 1x512, 5.2M parameters, greedy BLEU 41.2"
    )
    assert "subword LSTM seq2seq 1x512" in title("x", {**header, "architecture": "seq2seq"})


def test_translation_models_are_completed_after_m(shell, tmp_path):
    models = tmp_path / "home" / "models"
    models.mkdir(parents=True)
    tiny_translation_checkpoint(models / "words.safetensors")
    tiny_checkpoint(models / "letters.safetensors")
    (models / "rubbish.safetensors").write_text("rubbish")
    offered = {text for text, _ in complete(shell, "/translate -m ").items}
    assert "words" in offered
    assert not {"letters", "rubbish", "shakespeare"} & offered
    assert {text for text, _ in complete(shell, "/translate -").items} == {"-m", "--prefix", "--with", "-o"}
