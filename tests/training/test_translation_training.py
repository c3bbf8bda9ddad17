"""Training on sentence pairs: the data, a parent, resuming, and a trained model."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from tests.training.number_pairs import NUMBERS, PAIRS, prepared, recipe, trained

import seqshell
from seqshell.core.errors import RecipeError
from seqshell.core.events import Finished
from seqshell.host.builtin import load_registry
from seqshell.models import file
from seqshell.models.file import read_header
from seqshell.training.averaging import try_average
from seqshell.training.data.batches import pair_arrays
from seqshell.training.loop import train
from seqshell.training.preparation import prepare
from seqshell.training.recipes.recipe import recipe_from
from seqshell.training.run import Run
from seqshell.training.run_files import check_same_recipe
from seqshell.training.translation.data import read_sentences
from seqshell.training.translation.loss import pair_loss


def finished(run: Run) -> Run:
    for _ in run.epochs():
        pass
    return run


# The data


def test_all_translations_of_one_source_are_on_one_side(tmp_path):
    pairs = [(f"source {number}", f"target {number} {again}") for number in range(50) for again in range(3)]
    sentences = read_sentences(recipe(tmp_path, pairs))
    training, validation = set(sentences.training.sources), set(sentences.validation.sources)

    assert not training & validation
    assert (len(sentences.training), len(sentences.validation)) == (120, 30)
    assert read_sentences(recipe(tmp_path, pairs)).validation.targets == sentences.validation.targets


def test_pairs_without_text_on_one_side_are_left_out(tmp_path):
    sentences = read_sentences(recipe(tmp_path, [*PAIRS, ("quatre", ""), (" ", "four")]))

    assert len(sentences.training) + len(sentences.validation) == len(PAIRS)


def test_both_sides_share_one_tokenizer_unless_there_are_two(tmp_path):
    joint = prepared(tmp_path)
    assert joint.source_tokenizer is joint.tokenizer
    assert {" deux", " two"} <= set(joint.tokenizer.tokens)

    tables = recipe(tmp_path).tables() | {
        "source_tokenizer": {"name": "word"},
        "target_tokenizer": {"name": "bpe", "vocab_size": 40},
    }
    del tables["tokenizer"]
    both = prepare(recipe_from(tables, name="two", folder=tmp_path), load_registry())
    assert set(both.source_tokenizer.tokens[4:]) == {" et", *(f" {word}" for word in NUMBERS)}
    assert (
        both.config.source_vocab_size
        == both.source_tokenizer.size
        != both.config.target_vocab_size
        == both.tokenizer.size
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": {"source": "a.txt"}}, "either data.source and data.target, two files"),
        ({"data": {}}, "either data.source and data.target, two files"),
        (
            {"data": {"pairs": "pairs.tsv", "source": "a", "target": "b"}},
            "either data.source and data.target, two files",
        ),
        ({"data": {"pairs": "pairs.tsv", "validation": ["a", "b"]}}, "data.validation must be a share"),
        ({"source_tokenizer": {"name": "word"}}, "together, without"),
        (
            {"model": {"attention": "sideways"}},
            "attention must be dot, general, additive, concat or position, not 'sideways'",
        ),
        (
            {"model": {"attention": "dot", "encoder_size": 5}},
            "dot attention needs hidden_size equal to the size of the encoder's outputs",
        ),
        ({"architecture": "lstm"}, "lstm is an architecture for generate"),
    ],
)
def test_invalid_recipes_are_reported(tmp_path, change, message):
    tables = recipe(tmp_path).tables() | change
    with pytest.raises(RecipeError, match=message):
        prepare(recipe_from(tables, name="wrong", folder=tmp_path), load_registry())


# The parent


def test_a_training_starts_from_the_weights_and_tokenizers_of_its_parent(tmp_path):
    parent = trained(tmp_path, "parent", epochs=1)
    weights = file.read(parent)[1]
    pairs = [*PAIRS, ("six et six", "six and six")]
    child = prepared(tmp_path, pairs, parent=str(parent), extend_vocabulary=False)

    assert child.tokenizer.to_json() == seqshell.open(parent).model.tokenizer.to_json()
    assert all(
        np.array_equal(weights[name], values.numpy()) for name, values in child.new_module().state_dict().items()
    )

    grandchild = trained(tmp_path, "child", epochs=1, parent=str(parent))
    model = seqshell.open(parent).model
    provenance = read_header(grandchild)["provenance"]
    recorded = {key: provenance["parent"][key] for key in ("name", "fingerprint")}
    assert recorded == {"name": "parent", "fingerprint": model.fingerprint}
    assert not re.search(r"parent = .*[/\\\\]", provenance["recipe"])


@pytest.mark.parametrize(
    ("parent", "message"),
    [
        ("missing", "training.parent: no model 'missing'"),
        ("shakespeare", "shakespeare is of the task generate and the architecture lstm, not translate and attent"),
        ("english-french", "the weights of english-french do not fit"),
    ],
)
def test_invalid_parents_are_reported(tmp_path, parent, message):
    with pytest.raises(RecipeError, match=re.escape(message)):
        prepared(tmp_path, parent=parent).new_module()


# The loss


def test_the_loss_is_the_mean_without_padding(tmp_path):
    objective, module = prepared(tmp_path).objective, prepared(tmp_path).new_module().eval()
    short, long = ([4, 5], [6]), ([5, 6, 7, 8], [7, 8, 9])
    alone = [
        pair_loss(module, *map(torch.from_numpy, pair_arrays([source], [target]))) for source, target in (short, long)
    ]
    together = objective.loss(module, pair_arrays([short[0], long[0]], [short[1], long[1]]), ())[0]

    assert [int(count) for _, count in alone] == [2, 4]
    assert together.item() == pytest.approx(sum(nats.item() for nats, _ in alone) / 6, abs=1e-6)


def test_label_smoothing_spreads_a_share_over_all_tokens(tmp_path):
    module = prepared(tmp_path).new_module().eval()
    batch = [torch.from_numpy(part) for part in pair_arrays([[4]], [[6]])]
    logits = module(batch[2], module.encode(*batch[:2]))[0][0].log_softmax(-1)
    expected = -sum(0.9 * logits[place, token] + 0.1 * logits[place].mean() for place, token in enumerate((6, 2)))

    assert pair_loss(module, *batch, label_smoothing=0.1)[0].item() == pytest.approx(expected.item(), abs=1e-5)


# Training


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{}, {"teacher_forcing": 0.5}, {"ema": 0.9, "average_checkpoints": 2}])
def test_an_interrupted_training_resumes_bit_for_bit(tmp_path, settings):
    whole = finished(Run(prepared(tmp_path, **settings), tmp_path / "whole"))
    run = Run(prepared(tmp_path, **settings), tmp_path / "parts")
    for number, _ in enumerate(run.epochs()):
        if number == 8:
            break
    run.write()
    again = Run(prepared(tmp_path, **settings), tmp_path / "parts")
    again.restore()
    finished(again)

    assert again.progress.history[-1]["validation"] == whole.progress.history[-1]["validation"]
    for name, tensor in whole.module.state_dict().items():
        assert torch.equal(tensor, again.module.state_dict()[name]), name
    assert len(again.last_weights) == settings.get("average_checkpoints", 0)


def test_a_run_resumes_if_settings_missing_in_its_file_have_their_defaults(tmp_path):
    path = tmp_path / "resume.safetensors"
    older = recipe(tmp_path).tables()
    del older["training"]["plain_sources"], older["data"]["columns"]

    check_same_recipe(older, recipe(tmp_path).tables(), path)
    with pytest.raises(RecipeError, match=r"another training\.plain_sources"):
        check_same_recipe(older, recipe(tmp_path, plain_sources=0.5).tables(), path)


def test_an_epoch_has_num_batches_batches(tmp_path):
    tables = recipe(tmp_path, subword_dropout=0.5, batch_tokens=40).tables() | {
        "tokenizer": {"name": "bpe", "vocab_size": 60}
    }
    objective = prepare(recipe_from(tables, name="parts", folder=tmp_path), load_registry()).objective
    whole = prepare(
        recipe_from(
            tables | {"training": tables["training"] | {"subword_dropout": 0.0}}, name="parts", folder=tmp_path
        ),
        load_registry(),
    )

    assert len(list(objective.batches(0))) == objective.num_batches > whole.objective.num_batches


def test_the_average_of_the_last_epochs_is_kept_if_it_is_better(tmp_path):
    run = finished(Run(prepared(tmp_path, average_checkpoints=3, ema=0), tmp_path / "run"))
    name = "attended.weight"
    mean = torch.stack([weights[name] for weights in run.last_weights]).mean(0)
    run.progress.best["validation"] = {"nats": 100.0}

    assert try_average(run)
    assert torch.allclose(run.best_weights[name], mean)
    assert run.progress.best["averaged"] == 3
    run.progress.best["validation"] = {"nats": 0.0}
    assert not try_average(run)


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["seq2seq", "attention_seq2seq"])
def test_a_trained_model_translates(tmp_path, architecture):
    tables = recipe(tmp_path, epochs=30, ema=0).tables() | {"architecture": architecture}
    (tmp_path / "validation.tsv").write_text("deux et un\ttwo and one\n")
    tables["data"]["validation"] = str(tmp_path / "validation.tsv")
    tables["data"] |= {"source_language": "french", "target_language": "english"}
    out = tmp_path / "numbers.safetensors"
    list(train(recipe_from(tables, name="numbers", folder=tmp_path), load_registry(), out))
    session = seqshell.open(out)
    *_, answer = session.translate("trois et deux")

    assert isinstance(answer, Finished)
    assert answer.answer == "three and two"
    assert session.model.source_tokenizer is session.model.tokenizer
    assert session.model.header["languages"] == ["french", "english"]
    assert session.model.header["provenance"]["data"]["name"] == "pairs.tsv"
    assert str(tmp_path) not in session.model.header["provenance"]["recipe"]
    assert session.model.header["provenance"]["split"] == {"training": 25, "validation": 1}
